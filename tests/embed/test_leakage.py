import numpy as np
import pytest

from oddqso.embed.leakage import (
    ROWS_PER_FUNCTION,
    explained,
    redshift_leakage,
    seed_stability,
    shift_distance,
    standard,
)

N = 300


@pytest.fixture
def z(rng):
    return rng.uniform(1.2, 1.8, N)


@pytest.fixture
def luminosity(z, rng):
    """Known to some extent to the redshift, as in any survey with a limit in magnitude."""
    return (4 * z + rng.normal(0, 0.5, N))[:, None]


def test_latents_that_know_nothing_of_z_leak_nothing(z, luminosity, rng):
    assert abs(redshift_leakage(rng.normal(size=(N, 8)), z, luminosity)["r2"]) < 0.1


@pytest.mark.parametrize("tell", [lambda z: z, lambda z: (z - 1.1) ** 3, lambda z: -np.tanh(4 * (z - 1.5))])
def test_latents_that_hold_z_leak_all_of_it_bent_or_straight(z, luminosity, rng, tell):
    latent = 0.01 * rng.normal(size=(N, 4))
    value = tell(z)
    latent[:, 2] += (value - value.mean()) / value.std()
    assert redshift_leakage(latent, z, luminosity)["r2"] > 0.9


def test_what_luminosity_tells_of_z_is_no_leak(z, luminosity, rng):
    latent = rng.normal(size=(N, 4))
    latent[:, 0] = luminosity[:, 0] + 0.1 * rng.normal(size=N)  # luminous quasars have weak lines
    figures = redshift_leakage(latent, z, luminosity)
    assert figures["r2"] < 0.1
    assert figures["r2_controls"] > 0.5
    blind = redshift_leakage(latent, z, np.zeros((N, 1)))
    assert blind["r2"] > 0.5
    assert abs(blind["r2_controls"]) < 0.01


N_MANY, N_LATENT = 4000, 63
PLANTED = {
    "nothing": lambda x, u: 0 * x[:, 0],
    "a mix of all": lambda x, u: x @ u,
    "a single one": lambda x, u: x[:, 40],
    "the square of one": lambda x, u: (x[:, 5] ** 2 - 1) / np.sqrt(2),
    "squares of all": lambda x, u: (x**2 - 1) @ u / np.sqrt(2),
    "steps and bends": lambda x, u: (np.tanh(2 * x[:, 1]) + np.cos(x[:, 2]) + np.abs(x[:, 3])) / 1.11,
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_tenth_of_the_variance_planted_among_63_latents_is_found(what):
    """Right within 0.03 in a single try (a standard deviation is 0.013), and as a mean over four within 0.015."""
    found, said = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        latent, controls = rng.normal(size=(N_MANY, N_LATENT)), rng.normal(size=(N_MANY, 2))
        direction = rng.normal(size=N_LATENT)
        leak = PLANTED[what](latent, direction / np.linalg.norm(direction))
        noise = rng.normal(size=N_MANY)
        left = noise if what == "nothing" else np.sqrt(0.1) * leak + np.sqrt(0.9) * noise
        figures = redshift_leakage(latent, np.expm1(1 + 0.02 * (left + controls[:, 0])), controls, pairs=False)
        found.append(figures["r2"])
        said.append((figures["r2_high"] - figures["r2_low"]) / 2)
    expected = 0.0 if what == "nothing" else 0.1
    assert np.abs(np.array(found) - expected).max() < (0.02 if what == "nothing" else 0.03)
    assert np.mean(found) == pytest.approx(expected, abs=0.015)
    assert 0.006 < np.mean(said) < 0.02


def test_what_pairs_of_latents_know_is_a_figure_of_its_own(rng):
    latent, noise = rng.normal(size=(2000, 12)), rng.normal(size=2000)
    left = np.sqrt(0.3) * latent[:, 3] * latent[:, 8] + np.sqrt(0.7) * noise
    figures = redshift_leakage(latent, np.expm1(1 + 0.02 * left), np.zeros((2000, 1)))
    assert abs(figures["r2"]) < 0.04
    assert figures["r2_products"] == pytest.approx(0.3, abs=0.06)
    assert 0.005 < figures["r2_products_sigma"] < 0.04
    few = redshift_leakage(latent[:180], np.expm1(1 + 0.02 * left[:180]), np.zeros((180, 1)))
    assert few["r2_products"] is None
    assert few["n_function"] == 180 // ROWS_PER_FUNCTION


def test_spectra_that_scatter_more_where_latents_are_large_are_no_leak():
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        latent = rng.standard_t(4, size=(1500, 20))
        noise = rng.normal(size=1500) * (0.3 + np.abs(latent[:, 0]))
        found.append(redshift_leakage(latent, np.expm1(1 + 0.02 * noise), np.zeros((1500, 1)), pairs=False)["r2"])
    assert abs(np.mean(found)) < 0.02


def test_half_of_the_variance_is_half_a_leak(rng):
    z = np.expm1(rng.normal(0.9, 0.05, 600))
    latent = (np.log1p(z) - 0.9)[:, None] + rng.normal(0, 0.05, (600, 1))
    figures = redshift_leakage(latent, z, np.zeros((600, 1)))
    assert figures["r2"] == pytest.approx(0.5, abs=0.1)
    assert figures["r2_low"] < figures["r2"] < figures["r2_high"]


def test_units_and_order_change_nothing(z, luminosity, rng):
    latent, order = rng.normal(size=(N, 3)) + z[:, None] * [2, 0, 1], rng.permutation(N)
    one = redshift_leakage(latent, z, luminosity)
    for other in (
        redshift_leakage((latent * [1e3, -1e-3, 7] + 5)[:, ::-1], z, luminosity),
        redshift_leakage(latent[order], z[order], luminosity[order]),
    ):
        assert all(one[name] == pytest.approx(other[name], abs=1e-5) for name in ("r2", "r2_high", "r2_products"))


def test_a_latent_that_never_changes_says_nothing(z, luminosity):
    constant = np.full((N, 2), 3.0)
    assert not standard(constant).any()
    assert abs(redshift_leakage(constant, z, luminosity)["r2"]) < 1e-6


def test_of_too_few_spectra_nothing_is_said(z, luminosity, rng):
    assert redshift_leakage(rng.normal(size=(N, N)), z, luminosity) is None
    assert redshift_leakage(rng.normal(size=(9, 2)), z[:9], luminosity[:9]) is None


def test_where_the_controls_know_all_nothing_is_left_to_tell(z, rng):
    assert redshift_leakage(rng.normal(size=(N, 3)), z, np.log1p(z)[:, None]) is None


def test_no_row_is_predicted_from_itself(rng):
    features, target = rng.normal(size=(100, 5)), rng.normal(size=100)
    target -= target.mean()
    told = explained(features, target)
    for row in (0, 57):
        rest = np.arange(100) != row
        design = np.c_[np.ones(99), features[rest]]
        guess = np.append(1, features[row]) @ np.linalg.lstsq(design, target[rest], rcond=None)[0]
        assert told[row] == pytest.approx(target[row] * guess, abs=1e-5)


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
