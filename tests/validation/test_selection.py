import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import ConfigError, StoreError
from oddqso.validation.selection import make_selection, read_selection

HEADER = {
    "classes": {
        "bal": {"amplitude": "depth", "low": 0.1, "high": 1.0, "z_min": 1.5, "z_max": 5.0, "held_back": False},
        "host": {"amplitude": "share", "low": 0.3, "high": 0.9, "z_min": 0.1, "z_max": 1.2, "held_back": False},
    },
    "cuts": [{"name": "FPR 1%"}, {"name": "gold"}],
    "snr_edges": [1.0, 3.0],
    "z_edges": [2.0, 3.0],
    "amplitude_bins": 4,
    "min_cell": 5,
    "provenance": {"fingerprints": {"inject": "abc"}},
}


@pytest.fixture
def counted():
    """A selection function, and what it was counted from."""
    rng = np.random.default_rng(3)
    n = 4000
    amplitude, snr, z = np.exp(rng.uniform(np.log(0.1), 0, n)), np.exp(rng.normal(0.5, 0.8, n)), rng.uniform(1.5, 5, n)
    found = rng.uniform(size=n) < amplitude
    place = np.searchsorted(HEADER["snr_edges"], snr, side="right")
    flagged = {"FPR 1%": found, "gold": found & (amplitude > 0.5)}
    selection = make_selection(np.full(n, "bal"), amplitude, place, z, flagged, HEADER)
    return selection, amplitude, snr, z, found


def test_it_gives_back_the_counts(counted):
    selection, amplitude, snr, z, found = counted
    edges = np.geomspace(0.1, 1.0, 5)
    cell = (amplitude > edges[2]) & (amplitude < edges[3]) & (snr > 1) & (snr < 3) & (z > 2) & (z < 3)
    value, low, high = selection.efficiency("bal", np.sqrt(edges[2] * edges[3]), 2.0, 2.5)
    assert value == pytest.approx(found[cell].mean())
    assert low < value < high
    everywhere = (amplitude > edges[2]) & (amplitude < edges[3]) & (snr > 1) & (snr < 3)
    assert selection.efficiency("bal", 0.4, 2.0)[0] == pytest.approx(found[everywhere].mean())


def test_the_file_says_what_the_object_said(counted, tmp_path):
    selection, amplitude, snr, z, _ = counted
    selection.write(tmp_path / "selection.parquet")
    again = read_selection(tmp_path / "selection.parquet")
    assert again.classes == ("bal", "host")
    assert again.cuts == ("FPR 1%", "gold")
    assert again.header["provenance"] == HEADER["provenance"]
    for cut in again.cuts:
        for mine, theirs in zip(
            selection.efficiency("bal", amplitude, snr, z, cut), again.efficiency("bal", amplitude, snr, z, cut),
            strict=True,
        ):  # fmt: skip
            np.testing.assert_array_equal(mine, theirs)


def test_many_are_asked_as_one_by_one(counted):
    selection, amplitude, snr, z, _ = counted
    many = selection.efficiency("bal", amplitude[:50], snr[:50], z[:50])
    for i in range(50):
        one = selection.efficiency("bal", amplitude[i], snr[i], z[i])
        np.testing.assert_array_equal([x[i] for x in many], one)
    assert selection.efficiency("bal", np.array([0.2, 0.5])[:, None], 2.0, np.array([1.6, 2.5, 4.0]))[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("amplitude", "snr", "z"),
    [
        (0.09, 2.0, 2.5),
        (1.1, 2.0, 2.5),
        (0.5, 2.0, 1.4),
        (0.5, 2.0, 5.1),
        (np.nan, 2, 2),
        (0.5, np.nan, 2),
        (0.5, 0, 2),
    ],
)
def test_where_nothing_was_measured_it_says_nothing(counted, amplitude, snr, z):
    assert np.isnan(counted[0].efficiency("bal", amplitude, snr, z)).all()


def test_a_class_without_injections_is_not_zero(counted):
    assert np.isnan(counted[0].efficiency("host", 0.5, 2.0, 0.5)).all()


def test_the_ends_of_the_range_are_inside(counted):
    assert np.isfinite(counted[0].efficiency("bal", np.array([0.1, 1.0]), 2.0, 2.5)[0]).all()


def test_draws_scatter_as_the_interval_says(counted):
    selection, rng = counted[0], np.random.default_rng(8)
    value, low, high = selection.efficiency("bal", 0.4, 2.0, 2.5)
    drawn = np.array([selection.draw(rng, "bal", 0.4, 2.0, 2.5) for _ in range(800)])
    np.testing.assert_allclose(np.quantile(drawn, [0.025, 0.975]), [low, high], atol=0.02)
    assert abs(drawn.mean() - value) < 0.02
    two = selection.draw(rng, "bal", np.array([0.4, 0.41, 5.0]), 2.0, 2.5)
    assert two[0] == two[1]
    assert np.isnan(two[2])


def test_what_it_does_not_have_is_named(counted):
    with pytest.raises(ConfigError, match=r"no class 'star'.*bal, host"):
        counted[0].efficiency("star", 0.5, 2.0)
    with pytest.raises(ConfigError, match=r"no cut 'silver'.*FPR 1%, gold"):
        counted[0].efficiency("bal", 0.5, 2.0, cut="silver")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(StoreError, match="not there; make it with `oddqso inject"):
        read_selection(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(StoreError, match="no selection function"):
        read_selection(tmp_path / "text.parquet")
    pq.write_table(pa.table({"A": [1]}), tmp_path / "other.parquet")
    with pytest.raises(StoreError, match="no header"):
        read_selection(tmp_path / "other.parquet")
