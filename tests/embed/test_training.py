import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from oddqso.embed.training import train
from oddqso.errors import DataError
from oddqso.testing import make_spectra

NAMES = ("model.safetensors", "model.json", "curves.parquet", "curves.csv")

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import SMALL
from oddqso.embed.training import train
from oddqso.testing import make_spectra
spectra = make_spectra(80, seed=3, snr=8.0)
print("ready", flush=True)
say = lambda message, share: print(message, flush=True)
train(lambda: (spectra[i : i + 30] for i in range(0, 80, 30)), SMALL, 1, Path(sys.argv[1]), say)
"""


def _bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in NAMES}


def test_it_leaves_a_model_with_its_curves_and_no_scratch(trained):
    assert sorted(path.name for path in trained.iterdir()) == sorted(NAMES)


def test_the_curves_have_both_splits_of_every_epoch(trained, small_params):
    curves = pq.read_table(trained / "curves.parquet")
    assert curves.column_names == ["epoch", "step", "split", "loss", "reconstruction", "kl", "beta", "lr"]
    assert curves["epoch"].to_pylist() == [epoch for epoch in range(small_params.max_epochs) for _ in range(2)]
    assert np.isfinite(curves["loss"].to_numpy()).all()


def test_the_card_tells_how_well_it_fits(trained):
    card = json.loads((trained / "model.json").read_text())
    assert card["n_train"] + card["held_out"]["n_spec"] == 80
    assert card["held_out"]["snr_bins"][0]["accuracy"] > 0.9
    assert 0.9 < card["held_out"]["snr_bins"][0]["chi_width"] < 1.1
    assert card["active_units"] == len(card["active_latents"]) == sum(kl > 0.1 for kl in card["kl_per_latent"])


def test_the_card_tells_what_taught_it_and_which_epoch_was_best(trained, training_spectra):
    card = json.loads((trained / "model.json").read_text())
    assert card["data"]["n_spec"] == 80
    z_first, z_last = card["data"]["z"]
    assert training_spectra.z.min() - 1e-3 <= z_first < z_last <= training_spectra.z.max() + 1e-3
    assert f"{card['n_train']} spectra of redshift {z_first:g} to {z_last:g}" in card["limits"][0]
    held_out = [row for row in pq.read_table(trained / "curves.parquet").to_pylist() if row["split"] == "held_out"]
    assert card["best_epoch"] == min(held_out, key=lambda row: row["loss"])["epoch"]
    assert card["start_loss"] is None


def test_checkpoints_of_an_older_training_are_not_used(small_params, training_spectra, tmp_path, monkeypatch):
    monkeypatch.setattr("oddqso.embed.training.TRAIN_VERSION", 0)
    scratch = _stopped("train the network: epoch 2", training_spectra, small_params, 1, tmp_path)
    monkeypatch.undo()
    assert (scratch / "linear.pt").exists()
    _stopped("gather", training_spectra, small_params, 1, tmp_path)
    assert not (scratch / "linear.pt").exists()


def test_neither_order_nor_shards_nor_callbacks_change_a_byte(trained, training_spectra, small_params, tmp_path, rng):
    order = rng.permutation(len(training_spectra))
    shuffled = training_spectra[order]
    said = []
    train(
        lambda: iter([shuffled[:7], shuffled[7:]]),
        small_params,
        1,
        tmp_path,
        lambda text, share: said.append((text, share)),
    )
    assert _bytes(tmp_path) == _bytes(trained)
    assert all(0 <= share <= 1 for _, share in said)


def test_another_seed_gives_another_model(trained, training_spectra, small_params, tmp_path):
    train(lambda: iter([training_spectra]), small_params, 2, tmp_path)
    assert _bytes(tmp_path)["model.safetensors"] != _bytes(trained)["model.safetensors"]


class _Stop(Exception):
    pass


@pytest.mark.parametrize("stop_at", ["gather", "fit components: 3", "train the network: epoch 3", "measure"])
def test_stopped_and_called_again_it_gives_the_same_bytes(trained, training_spectra, small_params, tmp_path, stop_at):
    def stop(message, share):
        if message.startswith(stop_at):
            raise _Stop

    with pytest.raises(_Stop):
        train(lambda: iter([training_spectra]), small_params, 1, tmp_path, stop)
    assert not (tmp_path / "model.json").exists()
    train(lambda: iter([training_spectra]), small_params, 1, tmp_path)
    assert _bytes(tmp_path) == _bytes(trained)


@pytest.mark.slow  # 10 s each on a quiet core, most of it imports
@pytest.mark.parametrize("stop_at", ["fit components: 3", "train the network: epoch 2"])
def test_killed_and_called_again_it_gives_the_same_bytes(trained, tmp_path, stop_at):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(stop_at):
                os.kill(child.pid, signal.SIGKILL)
                break
        else:
            pytest.fail(f"the training never said {stop_at!r}")
    assert child.returncode == -signal.SIGKILL
    assert (tmp_path / "scratch").is_dir()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert _bytes(tmp_path) == _bytes(trained)


def _stopped(at, training_spectra, params, seed, folder):
    def stop(message, share):
        if message.startswith(at):
            raise _Stop

    with pytest.raises(_Stop):
        train(lambda: iter([training_spectra]), params, seed, folder, stop)
    return folder / "scratch"


@pytest.mark.parametrize("name", ["linear.pt", "network.pt", "flux.f4", "rows.npz"])
def test_what_is_damaged_is_made_anew(trained, training_spectra, small_params, tmp_path, name):
    path = _stopped("train the network: epoch 3", training_spectra, small_params, 1, tmp_path) / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    train(lambda: iter([training_spectra]), small_params, 1, tmp_path)
    assert _bytes(tmp_path) == _bytes(trained)


def test_a_changed_byte_in_a_checkpoint_is_noticed(trained, training_spectra, small_params, tmp_path):
    scratch = _stopped("train the network: epoch 3", training_spectra, small_params, 1, tmp_path)
    for name in ("linear.pt", "network.pt"):
        content = bytearray((scratch / name).read_bytes())
        content[len(content) // 2] ^= 64
        (scratch / name).write_bytes(bytes(content))
    train(lambda: iter([training_spectra]), small_params, 1, tmp_path)
    assert _bytes(tmp_path) == _bytes(trained)


def test_what_another_training_left_is_not_used(trained, training_spectra, small_params, tmp_path):
    _stopped("train the network: epoch 2", training_spectra, small_params, 2, tmp_path)
    train(lambda: iter([training_spectra]), small_params, 1, tmp_path)
    assert _bytes(tmp_path) == _bytes(trained)


def test_of_too_many_spectra_the_same_are_kept_in_any_order(training_spectra, small_params, tmp_path):
    few = small_params.model_copy(update={"max_spectra": 40, "max_epochs": 1, "n_em": 1})
    for name, stream in (("a", training_spectra), ("b", training_spectra[::-1])):
        (tmp_path / name).mkdir()
        train(lambda stream=stream: iter([stream[:33], stream[33:]]), few, 1, tmp_path / name)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    card = json.loads((tmp_path / "a" / "model.json").read_text())
    assert card["n_train"] + card["held_out"]["n_spec"] == 40


def test_too_few_spectra_are_refused(small_params, tmp_path):
    with pytest.raises(DataError, match="5 spectra can be learned from"):
        train(lambda: iter([make_spectra(5)]), small_params, 1, tmp_path)


def test_bad_rows_are_not_learned_from(training_spectra, small_params, tmp_path):
    flux = training_spectra.flux.copy()
    flux[0] = np.nan
    z = training_spectra.z.copy()
    z[1] = 30.0
    ivar = training_spectra.ivar.copy()
    ivar[2] = 0
    quality = training_spectra.quality.copy()
    quality[3] = 1
    few = small_params.model_copy(update={"max_epochs": 1, "n_em": 1})
    spoiled = replace(training_spectra, flux=flux, z=z, ivar=ivar, quality=quality)
    train(lambda: iter([spoiled]), few, 1, tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["n_train"] + card["held_out"]["n_spec"] == 76


def test_training_time_is_bounded_by_the_epoch_not_the_sample(training_spectra, small_params, tmp_path):
    short = small_params.model_copy(update={"epoch_spectra": 16, "n_em": 1})
    began = time.monotonic()
    train(lambda: iter([training_spectra]), short, 1, tmp_path)
    curves = pq.read_table(tmp_path / "curves.parquet").to_pylist()
    assert curves[-1]["step"] == short.max_epochs
    assert time.monotonic() - began < 20
