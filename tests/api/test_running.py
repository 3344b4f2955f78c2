import pytest

import oddqso
from oddqso.api import watched
from oddqso.config import read_settings
from oddqso.errors import ConfigError
from oddqso.runs.directory import RunDirectory
from oddqso.vetting.ledger import format_entries


@pytest.mark.parametrize("setting", ["sample.salt=other", "sample.fit_fraction=0.3", "sample.calibration_fraction=0.2"])
def test_once_there_are_verdicts_the_split_stays(tmp_path, setting):
    sky, run = tmp_path / "sky", tmp_path / "run"
    sky.mkdir()
    settings = read_settings(None, ()).model_dump(mode="json")
    run.mkdir()
    RunDirectory(run).write_record({"oddqso": oddqso.__version__, "input": str(sky), "settings": settings})
    (run / "vetting").mkdir()
    (run / "vetting" / "verdicts.csv").write_text(format_entries([]))
    with pytest.raises(ConfigError, match="the split cannot change"):
        oddqso.run(None, run, overrides=[setting])


def test_a_training_under_way_is_found_by_what_shows_it(tmp_path):
    assert watched(tmp_path) == []
    folder = tmp_path / ".partial" / "train-0123456789abcdef"
    folder.mkdir(parents=True)
    assert watched(tmp_path) == []
    for name in ("curves.csv", "progress.png"):
        (folder / name).touch()
    assert watched(tmp_path) == [folder / "curves.csv", folder / "progress.png"]
