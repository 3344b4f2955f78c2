import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import oddqso
from oddqso.errors import ConfigError, DataError

sys.path.insert(0, str(Path(__file__).parent))
from conftest import oddqso_command


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Another part of the sky."""
    out = tmp_path_factory.mktemp("new") / "sky2"
    oddqso_command("simulate", out, "--n", 60, "--seed", 11, "--workers", 1, "--set", "resolution=false")
    return out


@pytest.fixture(scope="module")
def delivered(finished, new, tmp_path_factory):
    """A run with one delivery."""
    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("delivered") / "run", symlinks=True))
    oddqso_command("deliver", new, "--run", run, "--name", "first")
    return run


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and ".lock" not in p.name}


def test_new_spectra_have_scores_and_p_values_and_those_known_are_left_out(delivered):
    made = pq.read_table(delivered / "deliveries" / "first" / "catalog.parquet")
    known = pq.read_table(delivered / "sample" / "sample.parquet")["TARGETID"].to_numpy()
    assert not np.isin(made["TARGETID"].to_numpy(), known).any()
    p = made["P_VALUE"].drop_null().to_numpy()
    assert len(p) > 20
    assert p.min() > 0
    assert p.max() <= 1
    summary = json.loads((delivered / "deliveries" / "first" / "summary.json").read_text())
    assert summary["n_judged"] == made.num_rows
    assert [level["alpha"] for level in summary["levels"]] == [0.01, 0.05, 0.1]


def test_the_same_again_changes_and_spends_nothing(delivered, new):
    before = files(delivered / "deliveries")
    oddqso.deliver(new, delivered, "first")
    assert files(delivered / "deliveries") == before


def test_killed_after_it_spent_it_spends_no_second_time(delivered, new):
    before = files(delivered / "deliveries")
    (delivered / "deliveries" / "first" / "summary.json").unlink()
    (delivered / "deliveries" / "first" / "catalog.parquet").unlink()
    oddqso.deliver(new, delivered, "first")
    assert files(delivered / "deliveries") == before


def test_what_was_delivered_is_not_delivered_again(delivered, new):
    before = (delivered / "deliveries" / "ledger.json").read_bytes()
    with pytest.raises(DataError, match="have been judged before"):
        oddqso.deliver(new, delivered, "second")
    assert (delivered / "deliveries" / "ledger.json").read_bytes() == before


def test_another_folder_under_the_same_name_is_refused(delivered, survey):
    with pytest.raises(DataError, match="made of another folder"):
        oddqso.deliver(survey, delivered, "first")


@pytest.mark.parametrize("name", ["", "../up", ".hidden"])
def test_a_name_that_is_no_folder_is_refused(delivered, new, name):
    with pytest.raises(ConfigError, match="no name for a delivery"):
        oddqso.deliver(new, delivered, name)


def test_no_run_is_said(new, tmp_path):
    with pytest.raises(ConfigError, match="is no run"):
        oddqso.deliver(new, tmp_path / "nothing")
