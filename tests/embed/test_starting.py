import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from oddqso.embed import starting
from oddqso.embed.encoding import encode
from oddqso.embed.params import EmbedParams, TrainParams
from oddqso.embed.refit import refit
from oddqso.embed.starting import adopt, file_hash, of_weights, starting_model, weights_state
from oddqso.embed.training import train
from oddqso.embed.weights import load_model
from oddqso.errors import DataError
from oddqso.testing import make_spectra

NAMES = ("model.safetensors", "model.json", "curves.parquet")


@pytest.fixture
def from_weights(small_params, trained):
    def make(start: str, **changes):
        return small_params.model_copy(update={"start": start, "weights": str(trained), **changes})

    return make


def _card(folder: Path) -> dict:
    return json.loads((folder / "model.json").read_text())


def test_pretrained_is_the_same_model_and_the_card_says_so(trained, from_weights, training_spectra, tmp_path):
    adopt(from_weights("pretrained"), tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    assert pq.read_table(tmp_path / "curves.parquet") == pq.read_table(trained / "curves.parquet")
    card = _card(tmp_path)
    assert card["start"] == "pretrained"
    assert card["weights"]["sha256"] == file_hash(trained / "model.safetensors")
    few = training_spectra[:10]
    ours, theirs = (encode(load_model(folder), few) for folder in (tmp_path, trained))
    np.testing.assert_array_equal(ours.latent, theirs.latent)


def test_a_card_from_scratch_says_that(trained):
    assert _card(trained)["start"] == "scratch"
    assert "weights" not in _card(trained)


def test_without_shipped_weights_it_says_what_to_do(small_params, tmp_path, monkeypatch):
    monkeypatch.setattr(starting, "SHIPPED", tmp_path)
    with pytest.raises(DataError, match="oddqso pretrain"):
        adopt(small_params.model_copy(update={"start": "pretrained"}), tmp_path / "out")


def test_shipped_weights_are_used_where_no_folder_is_named(trained, small_params, tmp_path, monkeypatch):
    monkeypatch.setattr(starting, "SHIPPED", trained)
    adopt(small_params.model_copy(update={"start": "pretrained"}), tmp_path)
    assert _card(tmp_path)["weights"]["where"] == "shipped"


def test_a_setting_that_the_weights_do_not_have_is_named(from_weights, small_params, tmp_path):
    other = small_params.network.model_copy(update={"n_latent": 32})
    with pytest.raises(DataError, match=r"n_latent = 16, the settings 32; leave train\.network\.n_latent out"):
        adopt(from_weights("pretrained", network=other), tmp_path)


@pytest.mark.parametrize("content", [{}, {"n_linear": 31}, EmbedParams().model_dump()])
def test_defaults_give_way_to_the_weights_written_down_or_not(from_weights, small_params, content):
    asked = EmbedParams.model_validate(content)  # a run that goes on reads every default from its record
    assert of_weights(from_weights("finetune", network=asked)).network == small_params.network


def test_the_architecture_is_that_of_the_weights(from_weights, small_params):
    assert of_weights(from_weights("finetune", network=EmbedParams())).network == small_params.network
    assert of_weights(TrainParams()) == TrainParams()


def test_what_is_shipped_is_small_whole_and_learned_from_many_spectra(training_spectra):
    assert sum(path.stat().st_size for path in starting.SHIPPED.iterdir()) < 16e6
    params = of_weights(TrainParams(start="pretrained"))
    model, said = starting_model(params)
    assert params.network.n_latent == 128
    assert said["where"] == "shipped"
    assert said["data"]["n_spec"] >= 200_000
    few = encode(model, training_spectra[:4])
    assert np.isfinite(few.model).all()


def _spoil_format(folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps(_card(folder) | {"format": 0}))


def _spoil_grid(folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps(_card(folder) | {"grid": {"n_wave": 3000, "log_step": 1e-4}}))


def _spoil_active(folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps(_card(folder) | {"active_latents": [99]}))


def _cut(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def _flip(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-2] ^= 1
    (folder / "model.safetensors").write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_spoil_format, "is of format 0"), (_spoil_grid, "is for the grid"), (_spoil_active, "latents are active"),
        (_cut, "cannot be read"), (_flip, "damaged or of another model"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be read"),
        (lambda folder: shutil.rmtree(folder), "not a folder"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", ["pretrained", "finetune"])
def test_spoiled_weights_end_in_a_clear_error(trained, from_weights, training_spectra, tmp_path, spoil, words, start):
    folder = tmp_path / "weights"
    shutil.copytree(trained, folder)
    spoil(folder)
    params = from_weights(start, weights=str(folder))
    use = {
        "pretrained": lambda: adopt(params, tmp_path / "out"),
        "finetune": lambda: train(lambda: iter([training_spectra]), params, 1, tmp_path / "out"),
    }
    with pytest.raises(DataError, match=words):
        use[start]()
    assert not (tmp_path / "out" / "model.json").exists()


def test_the_state_follows_the_weights_and_is_nothing_from_scratch(trained, small_params, from_weights, tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(trained, folder)
    before = weights_state(from_weights("finetune", weights=str(folder)))
    _flip(folder)
    assert weights_state(from_weights("finetune", weights=str(folder))) != before
    assert weights_state(small_params) == ""


@pytest.fixture(scope="module")
def other_spectra():
    """Quasars of which the trained model has seen none, redder by a tilt that it does not know."""
    spectra = make_spectra(60, seed=11, snr=8.0)
    tilt = (spectra.wave / 6000.0) ** 0.4
    return type(spectra)(
        spectra.target_id + 1000, spectra.z, spectra.ebv, spectra.scale, spectra.quality, spectra.wave,
        (spectra.flux * tilt).astype(np.float32), (spectra.ivar / tilt**2).astype(np.float32),
    )  # fmt: skip


def test_finetuning_fits_better_and_keeps_the_meaning_of_latents(trained, from_weights, other_spectra, tmp_path):
    train(lambda: iter([other_spectra]), from_weights("finetune", finetune_epochs=2), 1, tmp_path)
    card = _card(tmp_path)
    assert card["start"] == "finetune"
    assert card["weights"]["sha256"] == file_hash(trained / "model.safetensors")
    assert {name: card["weights"][name] for name in ("n_train", "data", "limits")} == {
        name: _card(trained)[name] for name in ("n_train", "data", "limits")
    }
    assert str(card["n_train"]) in card["limits"][0]
    assert card["limits"] != card["weights"]["limits"]
    curves = pq.read_table(tmp_path / "curves.parquet").to_pylist()
    best = min((row for row in curves if row["split"] == "held_out"), key=lambda row: row["loss"])
    assert card["best_epoch"] == (best["epoch"] if best["loss"] < card["start_loss"] else None)
    assert card["n_component_used"] == _card(trained)["n_component_used"]
    before, after = load_model(trained), load_model(tmp_path)
    table_before, table_after = before.vae.linear.table, after.vae.linear.table
    assert card["linear_corrected"]
    assert not torch.equal(table_before, table_after)
    used = (table_before != 0).any(dim=0)
    assert torch.equal(used, (table_after != 0).any(dim=0))
    fresh = make_spectra(40, seed=21, snr=8.0)
    latents = [encode(model, fresh).latent[:, 1:5] for model in (before, after)]
    for unit in range(4):
        assert np.corrcoef(latents[0][:, unit], latents[1][:, unit])[0, 1] > 0.8
    misfit = [_misfit(model, other_spectra) for model in (before, after)]
    assert misfit[1] <= misfit[0]


def _misfit(model, spectra) -> float:
    out = encode(model, spectra)
    good = spectra.ivar > 0
    return float(np.mean(((spectra.flux - out.model) ** 2 * spectra.ivar)[good]))


class _Stop(Exception):
    pass


@pytest.mark.parametrize("stop_at", ["gather", "fit components", "train the network: epoch 2", "measure"])
def test_finetuning_goes_on_to_the_same_bytes(from_weights, other_spectra, tmp_path, stop_at):
    params = from_weights("finetune", finetune_epochs=2, finetune_em=1)

    def stop(message, share):
        if message.startswith(stop_at):
            raise _Stop

    train(lambda: iter([other_spectra]), params, 1, tmp_path / "whole")
    with pytest.raises(_Stop):
        train(lambda: iter([other_spectra]), params, 1, tmp_path / "cut", stop)
    train(lambda: iter([other_spectra]), params, 1, tmp_path / "cut")
    for name in NAMES:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_correction_that_does_not_pay_on_held_out_spectra_is_not_kept(trained, from_weights, tmp_path):
    few = make_spectra(12, seed=31, snr=1.0)
    train(lambda: iter([few]), from_weights("finetune", finetune_epochs=1, min_snr=0.0), 1, tmp_path)
    assert not _card(tmp_path)["linear_corrected"]
    before, after = (load_model(folder).vae.linear.table for folder in (trained, tmp_path))
    assert torch.equal(before, after)


def test_a_correction_by_few_faint_spectra_is_small(trained):
    linear = load_model(trained).vae.linear
    before, few = linear.table.clone(), make_spectra(12, seed=31, snr=1.0)
    refit(linear, lambda: iter([(few.flux, few.ivar, few.z)]), before.double().numpy(), 0.05, 4)
    change = ((linear.table - before)[:, 0] / before[:, 0].clamp(min=0.2 * float(before[:, 0].median()))).abs()
    assert float(change.median()) < 0.05
    assert float(change.max()) < 0.3
