"""The gate and entrapment on a finished run, by the command line."""

import json
import sys
from pathlib import Path

import pytest

import oddqso
from oddqso.errors import ConfigError, DataError

sys.path.insert(0, str(Path(__file__).parent))
from conftest import oddqso_command

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]


@pytest.fixture
def run(finished, copy_of):
    return copy_of(finished)


def test_the_gate_tells_of_each_method_and_writes_it_down(run):
    told = oddqso_command("gate", "--run", run, "--replicates", 4, "--anew", 2).stdout
    written = json.loads((run / "validation" / "gate.json").read_text())
    names = [method["method"] for method in written["methods"]]
    assert names[0] == "ours"
    assert {"contamination", "mad_z_score", "self_rank", "same_score_trimming"} <= set(names)
    assert all(f"{name}:" in told for name in names[1:])
    assert written["params"]["replicates"] == 4


def test_same_seed_same_gate(run):
    params = oddqso.GateParams(replicates=3, anew=2, seed=7)
    first, second = (oddqso.gate(run, params=params) for _ in range(2))
    assert [verdict.as_dict() for verdict in first] == [verdict.as_dict() for verdict in second]


def test_the_gate_needs_the_truth(run, tmp_path):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"input": str(tmp_path)}))
    failed = oddqso_command("gate", "--run", run, check=False)
    assert failed.returncode == 1
    assert "simulated surveys only" in failed.stderr


def test_entrapment_takes_the_truth_or_a_file(run, tmp_path):
    assert "hidden" in oddqso_command("entrap", "--run", run).stdout
    catalog = oddqso.Run(run).catalog()
    test = [row["TARGETID"] for row in catalog.to_pylist() if row["SPLIT"] == "TEST" and row["SCORE"] is not None]
    path = tmp_path / "ordinary.txt"
    path.write_text("\n".join(map(str, test[-10:])))
    found = oddqso.entrap(run, ordinary=path)
    assert [one.n_hidden for one in found] == [10, 10, 10]
    assert {one.n_others for one in found} == {len(test) - 10}
    written = json.loads((run / "validation" / "entrapment.json").read_text())
    assert written["lists"] == [one.as_dict() for one in found]


def test_entrapment_refuses_what_cannot_tell_of_the_list(run, tmp_path):
    catalog = oddqso.Run(run).catalog()
    held = next(row["TARGETID"] for row in catalog.to_pylist() if row["SPLIT"] == "CALIBRATION")
    path = tmp_path / "ordinary.txt"
    path.write_text(f"{held}\n")
    with pytest.raises(DataError, match="stands in CALIBRATION"):
        oddqso.entrap(run, ordinary=path)
    path.write_text("17\n")
    with pytest.raises(DataError, match="such as 17, are not in"):
        oddqso.entrap(run, ordinary=path)
    with pytest.raises(ConfigError, match="share"):
        oddqso.entrap(run, share=1.5)
    with pytest.raises(ConfigError, match="is no run"):
        oddqso.entrap(tmp_path)
