import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oddqso.api.pretraining import PRETRAIN_SETTINGS, pretrain
from oddqso.config import read_settings
from oddqso.desi.mock import make_targets
from oddqso.desi.survey import SurveyParams, plan_survey
from oddqso.embed.training import train
from oddqso.errors import ConfigError
from oddqso.runs.files import read_table
from oddqso.spectra import Spectra

NAMES = ("model.safetensors", "model.json", "curves.parquet")
SMALL = (
    "train.network.n_latent=16", "train.network.n_linear=6", "train.network.n_channel=8", "train.network.n_hidden=16",
    "train.n_em=2", "train.max_epochs=2",
)  # fmt: skip
N = 60

SCRIPT = f"""
import sys
from oddqso.api.pretraining import pretrain
from oddqso.console import Lines
pretrain(sys.argv[1], n_target={N}, seed=2, overrides={SMALL!r}, progress=Lines(0.0))
"""


def _bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in NAMES}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory) -> Path:
    return pretrain(tmp_path_factory.mktemp("pretrained") / "model", n_target=N, seed=2, overrides=SMALL)


def _spectra(folder: Path) -> list[Spectra]:
    return [Spectra.from_table(read_table(path)) for path in sorted((folder / "spectra").glob("*.arrow"))]


def test_the_card_says_what_it_has_learned_from(pretrained):
    card = json.loads((pretrained / "model.json").read_text())
    n_spec = sum(len(one) for one in _spectra(pretrained))
    assert card["data"]["n_spec"] == n_spec == card["n_train"] + card["held_out"]["n_spec"]
    assert card["data"]["n_target"] == N
    assert card["data"]["seed"] == 2
    assert len(card["data"]["simulator"]["sha256"]) == 64
    assert card["data"]["survey"]["anomaly_fraction"] == 0
    assert card["limits"]
    assert not (pretrained / "scratch").exists()


def test_mapped_spectra_train_the_same_model_as_gathered_ones(pretrained, tmp_path):
    parts = _spectra(pretrained)
    assert len(parts) > 1
    params = read_settings(None, [*PRETRAIN_SETTINGS, *SMALL]).train
    train(lambda: iter(parts), params, 2, tmp_path)
    for name in ("model.safetensors", "curves.parquet"):
        assert (tmp_path / name).read_bytes() == (pretrained / name).read_bytes()


def test_a_second_call_changes_nothing(pretrained):
    before = {path: path.stat().st_mtime_ns for path in pretrained.rglob("*") if path.name != ".lock"}
    pretrain(pretrained, n_target=N, seed=2, overrides=SMALL)
    assert {path: path.stat().st_mtime_ns for path in pretrained.rglob("*") if path.name != ".lock"} == before


def test_other_spectra_are_refused_and_other_training_is_done(pretrained, tmp_path):
    with pytest.raises(ConfigError, match="another folder"):
        pretrain(pretrained, n_target=N + 1, seed=2, overrides=SMALL)
    with pytest.raises(ConfigError, match="another folder"):
        pretrain(pretrained, n_target=N, seed=2, overrides=[*SMALL, "prepare.strict_snr_min=1.0"])
    with pytest.raises(ConfigError, match="max_epochz"):
        pretrain(tmp_path, n_target=N, seed=2, overrides=["train.max_epochz=3"])
    with pytest.raises(ConfigError, match="from scratch"):
        pretrain(tmp_path, n_target=N, seed=2, overrides=[*SMALL, "train.start=finetune"])
    with pytest.raises(ConfigError, match="leave the setting out"):
        pretrain(tmp_path, n_target=N, seed=2, overrides=[*SMALL, "train.weights=/nowhere"])


def test_a_folder_with_a_model_that_it_did_not_make_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ConfigError, match="another folder"):
        pretrain(tmp_path, n_target=N, seed=2, overrides=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]
    assert (tmp_path / "model.json").read_text() == "{}"


def _without_weights(out: Path) -> None:
    (out / "model.safetensors").unlink()


def _damaged(out: Path) -> None:
    content = bytearray((out / "model.safetensors").read_bytes())
    content[-2] ^= 1
    (out / "model.safetensors").write_bytes(content)


def _older_training(out: Path) -> None:
    record = json.loads((out / "pretrain.json").read_text())
    record["train"]["version"] -= 1
    (out / "pretrain.json").write_text(json.dumps(record))


@pytest.mark.parametrize("spoil", [_without_weights, _damaged, _older_training])
def test_only_a_model_that_can_be_used_and_is_of_this_training_is_up_to_date(pretrained, tmp_path, monkeypatch, spoil):
    out = tmp_path / "model"
    shutil.copytree(pretrained, out)
    spoil(out)
    trained = []
    monkeypatch.setattr("oddqso.api.pretraining._train", lambda *args: trained.append(args))
    pretrain(out, n_target=N, seed=2, overrides=SMALL)
    assert trained
    assert not any((out / name).exists() for name in NAMES)


def test_scratch_that_a_kill_left_beside_a_whole_model_is_removed(pretrained, tmp_path):
    out = tmp_path / "model"
    shutil.copytree(pretrained, out)
    (out / "scratch").mkdir()
    (out / "scratch" / "linear.pt").write_bytes(b"much")
    pretrain(out, n_target=N, seed=2, overrides=SMALL)
    assert not (out / "scratch").exists()
    assert _bytes(out) == _bytes(pretrained)


def test_new_settings_and_a_kill_leave_no_old_model_that_passes_for_the_new(pretrained, tmp_path, monkeypatch):
    out = tmp_path / "model"
    shutil.copytree(pretrained, out)
    other = [*SMALL, "train.max_epochs=1"]

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("oddqso.api.pretraining._train", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain(out, n_target=N, seed=2, overrides=other)
    assert not any((out / name).exists() for name in (*NAMES, "curves.csv", "progress.png"))
    monkeypatch.undo()
    pretrain(out, n_target=N, seed=2, overrides=other)
    assert json.loads((out / "model.json").read_text())["training"]["max_epochs"] == 1


def test_quasars_that_are_learned_from_are_not_those_of_a_survey_with_that_seed(pretrained):
    card = json.loads((pretrained / "model.json").read_text())
    learned = SurveyParams(**card["data"]["survey"])
    of_a_user = SurveyParams(seed=2, n_target=N)
    models = [
        [target.model for plan in plan_survey(survey) for target in make_targets(plan, survey)]
        for survey in (learned, of_a_user)
    ]
    assert not any(np.array_equal(one, other) for one in models[0] for other in models[1])


@pytest.mark.slow  # three processes that import everything
@pytest.mark.parametrize("stop_at", ["simulate", "train the network"])
def test_killed_and_called_again_it_gives_the_same_bytes(pretrained, tmp_path, stop_at):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "model")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(stop_at) and " %" in line:  # part of it is done
                os.kill(child.pid, signal.SIGKILL)
                break
        else:
            pytest.fail(f"it never said {stop_at!r}")
    assert not (tmp_path / "model" / "model.json").exists()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert _bytes(tmp_path / "model") == _bytes(pretrained)
    for ours, theirs in zip(_spectra(tmp_path / "model"), _spectra(pretrained), strict=True):
        np.testing.assert_array_equal(ours.flux, theirs.flux)
