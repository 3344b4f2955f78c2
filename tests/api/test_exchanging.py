import pytest

from oddqso import api
from oddqso.errors import ConfigError
from oddqso.review.store import NewVerdict

SAID = NewVerdict(client_id="one-of-ada", target_id=39_627_000_000_000_001, verdict="ANOMALY", z=1.25)


@pytest.fixture
def place(tmp_path):
    place = api.StorePlace(database=tmp_path / "review.sqlite")
    with place.opened(make=True) as store:
        store.add_verdict(store.add_reviewer("ada", "lead").id, SAID)
    return place


@pytest.mark.parametrize("name", ["all.csv", "all.parquet", "all.vot", "all.fits", "all.vi.csv", "ALL.VI.CSV"])
def test_the_end_of_the_name_says_the_format_both_ways(place, tmp_path, name):
    assert api.export_verdicts(place, tmp_path / name) == 1
    other = api.StorePlace(database=tmp_path / "other.sqlite")
    assert api.import_verdicts(other, tmp_path / name).n_new == 1
    with other.opened() as store:
        (found,) = store.verdicts()
    assert (found.reviewer, found.target_id, found.verdict, found.z) == ("ada", SAID.target_id, "ANOMALY", 1.25)


def test_the_files_of_the_room_have_the_columns_of_prospect(place, tmp_path):
    api.export_verdicts(place, tmp_path / "verdicts.vi.csv")
    assert "VI_quality" in (tmp_path / "verdicts.vi.csv").read_text().splitlines()[0]


@pytest.mark.parametrize("name", ["verdicts", "verdicts.txt"])
def test_a_name_that_says_no_format_is_refused(place, tmp_path, name):
    with pytest.raises(ConfigError, match="no format"):
        api.export_verdicts(place, tmp_path / name)
