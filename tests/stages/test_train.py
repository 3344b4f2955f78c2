import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import oddqso
from oddqso.embed.params import EmbedParams, TrainParams
from oddqso.embed.training import train as train_model
from oddqso.errors import DataError
from oddqso.runs.files import write_table
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context
from oddqso.stages.train import STAGE, inventory, train
from oddqso.testing import make_spectra

SMALL = TrainParams(
    network=EmbedParams(n_latent=16, n_linear=6, n_channel=8, n_hidden=16), n_em=2, max_epochs=1, finetune_em=1,
    finetune_epochs=1,
)  # fmt: skip


def _shards(folder: Path, n_spec: int) -> Shards:
    spectra = make_spectra(n_spec, seed=3, snr=8.0)
    scale = np.random.default_rng(3).lognormal(0, 1, n_spec).astype(np.float32)
    table = replace(spectra, scale=scale).to_table()
    table = table.append_column("SPLIT", [["FIT"] * n_spec]).append_column("STRICT", [[True] * n_spec])
    write_table(folder / "one.arrow", table)
    return Shards(folder, ("one",))


@pytest.fixture
def context(tmp_path):
    return Context(tmp_path, tmp_path, 1, "train")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A small stand-in for shipped weights."""
    folder = tmp_path_factory.mktemp("weights")
    spectra = make_spectra(60, seed=5, snr=8.0)
    train_model(lambda: iter([spectra]), SMALL, 1, folder)
    return folder


def _from(weights: Path, start: str) -> TrainParams:
    return SMALL.model_copy(update={"start": start, "weights": str(weights)})


def _card(folder: Path) -> dict:
    return json.loads((folder / "model.json").read_text())


def test_ten_spectra_are_enough_with_trained_weights(context, weights, tmp_path):
    shards = _shards(tmp_path / "prepared", 10)
    with pytest.raises(DataError, match="--pretrained"):
        train(context, shards, params=SMALL, out=tmp_path / "scratch")
    train(context, shards, params=_from(weights, "pretrained"), out=tmp_path / "out")
    assert _card(tmp_path / "out")["start"] == "pretrained"


def test_weights_taken_as_they_are_are_measured_on_the_spectra_of_the_run(context, weights, tmp_path):
    train(context, _shards(tmp_path / "few", 10), params=_from(weights, "pretrained"), out=tmp_path / "ten")
    own = _card(tmp_path / "ten")["on_this_run"]
    assert (own["n_encoded"], own["active_units"], own["shift_consistency"]) == (10, None, None)
    train(context, _shards(tmp_path / "many", 300), params=_from(weights, "pretrained"), out=tmp_path / "out")
    card = _card(tmp_path / "out")
    own, other = card["on_this_run"], _card(weights)
    assert own["shift_consistency"]["n_spec"] > 200
    assert own["redshift_leakage"]["n_spec"] > 60
    assert 0 < own["active_units"] <= 16
    assert card["shift_consistency"] == other["shift_consistency"]  # the rest of the card is that of the weights
    assert card["active_latents"] == other["active_latents"]


@pytest.mark.parametrize("start", ["scratch", "finetune"])
def test_the_card_says_where_it_started(context, weights, tmp_path, start):
    shards = _shards(tmp_path / "prepared", 40)
    out = tmp_path / "out"
    out.mkdir()
    train(context, shards, params=_from(weights, start), out=out)
    assert _card(out)["start"] == start


@pytest.mark.parametrize("start", ["pretrained", "finetune"])
def test_damaged_weights_are_refused_before_the_first_stage(weights, tmp_path, start):
    folder, sky, run = tmp_path / "weights", tmp_path / "sky", tmp_path / "run"
    shutil.copytree(weights, folder)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    oddqso.simulate(sky, n_target=20, seed=1)
    with pytest.raises(DataError, match=r"model\.safetensors cannot be read"):
        oddqso.run(sky, run, overrides=[f"train.start={start}", f"train.weights={folder}"])
    assert not (run / "sample").exists()
    assert not (run / ".partial").exists()


def test_the_weights_are_part_of_the_fingerprint_where_they_matter(weights, tmp_path):
    assert inventory(tmp_path, tmp_path, SMALL) == ""
    assert len(inventory(tmp_path, tmp_path, _from(weights, "finetune"))) == 128
    assert STAGE.inventory is inventory
    assert SMALL.identity() == _from(weights, "scratch").identity()
    assert SMALL.identity() != _from(weights, "finetune").identity()
