import numpy as np
import pytest

from oddqso.embed.leakage import predicted, redshift_leakage, seed_stability, shift_distance, standard

N = 300


@pytest.fixture
def z(rng):
    return rng.uniform(1.2, 1.8, N)


@pytest.fixture
def luminosity(z, rng):
    """Known to some extent to the redshift, as in any survey with a limit in magnitude."""
    return (4 * z + rng.normal(0, 0.5, N))[:, None]


def test_latents_that_know_nothing_of_z_leak_nothing(z, luminosity, rng):
    assert redshift_leakage(rng.normal(size=(N, 8)), z, luminosity, rng)["r2"] < 0.05


@pytest.mark.parametrize("tell", [lambda z: z, lambda z: (z - 1.1) ** 3, lambda z: -np.tanh(4 * (z - 1.5))])
def test_latents_that_hold_z_leak_all_of_it_bent_or_straight(z, luminosity, rng, tell):
    latent = 0.01 * rng.normal(size=(N, 4))
    value = tell(z)
    latent[:, 2] += (value - value.mean()) / value.std()
    assert redshift_leakage(latent, z, luminosity, rng)["r2"] > 0.9


def test_what_luminosity_tells_of_z_is_no_leak(z, luminosity, rng):
    latent = rng.normal(size=(N, 4))
    latent[:, 0] = luminosity[:, 0] + 0.1 * rng.normal(size=N)  # luminous quasars have weak lines
    figures = redshift_leakage(latent, z, luminosity, rng)
    assert figures["r2"] < 0.1
    assert figures["r2_controls"] > 0.5
    blind = redshift_leakage(latent, z, np.zeros((N, 1)), rng)
    assert blind["r2"] > 0.5
    assert blind["r2_controls"] < 0.05


def test_half_of_the_variance_is_half_a_leak(rng):
    z = np.expm1(rng.normal(0.9, 0.05, 600))
    latent = (np.log1p(z) - 0.9)[:, None] + rng.normal(0, 0.05, (600, 1))
    figures = redshift_leakage(latent, z, np.zeros((600, 1)), rng)
    assert figures["r2"] == pytest.approx(0.5, abs=0.1)
    assert figures["r2_low"] < figures["r2"] < figures["r2_high"]


def test_units_and_order_of_latents_change_nothing(z, luminosity, rng):
    latent = rng.normal(size=(N, 3)) + z[:, None] * [2, 0, 1]
    one, other = (
        redshift_leakage(array, z, luminosity, np.random.default_rng(2))["r2"]
        for array in (latent, (latent * [1e3, 1e-3, 7] + 5)[:, ::-1])
    )
    assert one == pytest.approx(other, abs=1e-6)


def test_a_latent_that_never_changes_says_nothing(z, luminosity, rng):
    constant = np.full((N, 2), 3.0)
    assert not standard(constant).any()
    assert redshift_leakage(constant, z, luminosity, rng)["r2"] < 0.05


def test_no_row_is_predicted_from_itself(rng):
    features, target, fold = rng.normal(size=(100, 2)), rng.normal(size=100), np.arange(100) % 5
    spoiled = np.where(fold == 2, 1e3, target)
    assert np.abs(predicted(features, spoiled, fold)[fold == 2]).max() < 10


def test_unmoved_quasars_are_at_distance_zero_and_strangers_beyond_their_neighbors(rng):
    latent = rng.normal(size=(N, 5))
    assert shift_distance(latent, latent)["share"] == 0
    assert shift_distance(latent, rng.permutation(latent))["share"] > 1
    near = shift_distance(latent, latent + 0.01 * rng.normal(size=latent.shape))
    assert 0 < near["share"] < 0.05
    wide = shift_distance(latent * 50, latent * 50)
    assert wide["neighbor"] == pytest.approx(near["neighbor"])


def test_where_all_quasars_are_one_there_is_no_share():
    assert shift_distance(np.ones((5, 2)), np.ones((5, 2)))["share"] is None


def test_seeds_agree_by_rank_alone(rng):
    score = rng.normal(size=1000)
    same = seed_stability([score, np.exp(score), score**3])
    assert (same["rank_correlation"], same["rank_correlation_min"], same["top_in_common"]) == (1, 1, 1)
    strangers = seed_stability([score, rng.normal(size=1000), -score])
    assert strangers["rank_correlation_min"] == -1
    assert strangers["top_in_common"] < 0.2


def test_what_one_seed_does_not_score_does_not_count(rng):
    score = rng.normal(size=500)
    holed = score.copy()
    holed[:7] = np.nan
    figures = seed_stability([score, holed])
    assert (figures["n_spec"], figures["n_seed"], figures["rank_correlation"]) == (493, 2, 1)
