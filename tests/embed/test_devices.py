import json
import logging
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.multiprocessing.spawn import ProcessRaisedException, start_processes

from oddqso.embed import encoding, frame, module
from oddqso.embed.devices import find_device, halving
from oddqso.embed.encoding import encode
from oddqso.embed.frame import RestGrid, back_project, gram, project, take
from oddqso.embed.module import VaeModule
from oddqso.embed.params import EncodeParams, TrainParams
from oddqso.embed.training import train
from oddqso.embed.vae import Vae
from oddqso.embed.weights import load_model
from oddqso.errors import ConfigError, DataError
from oddqso.spectra.grid import ARMS, N_MODEL, arm_grid, model_grid
from oddqso.testing import make_spectra

GPU = torch.cuda.is_available()


@pytest.fixture
def gathered(monkeypatch):
    """The way of a GPU, on the processor."""
    monkeypatch.setattr(frame.Frame, "on_cpu", property(lambda self: False))


def test_a_gpu_that_is_not_there_is_said_at_once(small_params, training_spectra, tmp_path):
    if GPU:
        pytest.skip("there is a GPU")
    assert find_device("auto") == torch.device("cpu")
    with pytest.raises(ConfigError, match=r"train\.accelerator"):
        train(
            lambda: iter([training_spectra]), small_params.model_copy(update={"accelerator": "gpu"}), 1, tmp_path
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_where_it_is_computed_is_no_part_of_a_fingerprint():
    here, there = TrainParams(), TrainParams(accelerator="auto", devices=4)
    assert here.identity() == there.identity()
    assert here.identity() != TrainParams(precision="bf16-mixed").identity()
    assert EncodeParams().identity() == EncodeParams(device="auto").identity()


def test_gathered_at_once_frames_are_those_of_the_loops(rng, monkeypatch):
    grid = RestGrid(0.02, 6.5)
    z = rng.uniform(0.1, 6.0, 5)
    table = torch.from_numpy(rng.normal(size=(grid.n_wave, 16)).astype(np.float32))
    weight = torch.from_numpy(rng.normal(size=(5, 16)).astype(np.float32))
    pixels = torch.from_numpy(rng.uniform(size=(5, N_MODEL)).astype(np.float32))

    def all_four():
        at = grid.frame(z)
        return (
            take(table[:, 0], at), project(table, at, weight), back_project(table, at, pixels),
            gram(table, at, pixels), gram(table, at, pixels[:, ::4].contiguous(), 4),
        )  # fmt: skip

    looped = all_four()
    monkeypatch.setattr(frame.Frame, "on_cpu", property(lambda self: False))
    for one, other in zip(looped, all_four(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


def test_encoding_by_gathering_is_encoding_by_loops(model, training_spectra, request):
    looped = encode(model, training_spectra[:20])
    request.getfixturevalue("gathered")
    gathered = encode(model, training_spectra[:20])
    np.testing.assert_allclose(looped.latent, gathered.latent, atol=2e-3)
    np.testing.assert_allclose(looped.model, gathered.model, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("training", [False, True])
def test_every_tensor_of_a_step_is_made_on_the_device_of_the_spectra(small_params, tmp_path, training):
    device = torch.device("meta")  # knows shapes and places, and refuses to mix places
    with pytest.raises(RuntimeError):
        torch.zeros(3, device=device) + torch.zeros(3)
    steps = VaeModule(Vae(small_params.network), small_params, 1, tmp_path / "network.pt", lambda curves: None)
    steps.to(device)
    batch = (torch.zeros(3, N_MODEL, device=device), torch.ones(3, N_MODEL, device=device), np.array([0.5, 2.0, 4.0]))
    terms = steps.terms(batch, generator=torch.Generator() if training else None)
    assert terms.loss.device == device
    if training:
        terms.loss.backward()
        assert all(p.grad is not None and p.grad.device == device for p in steps.vae.parameters())


def test_masks_hide_an_arm_or_a_stretch_as_drawn(small_params, tmp_path):
    params = small_params.model_copy(update={"mask_share": 0.7})
    steps = VaeModule(Vae(params.network), params, 1, tmp_path / "network.pt", lambda curves: None)
    ivar = torch.ones(200, N_MODEL)
    wave = model_grid()
    arms = [(wave >= arm_grid(arm)[0]) & (wave <= arm_grid(arm)[-1]) for arm in ARMS]
    ivar[:50, torch.from_numpy(~arms[0])] = 0  # nothing but B
    shown = steps._masked(ivar, torch.Generator().manual_seed(3))
    draw = torch.rand(200, 4, generator=torch.Generator().manual_seed(3)).tolist()
    for row, (masked, kind, place, length) in enumerate(draw):
        hidden = np.zeros(N_MODEL, bool)
        if masked < 0.7 and kind < 0.5:
            arm = arms[int(place * 3)]
            if bool((ivar[row].numpy() > 0)[~arm].any()):
                hidden = arm
        elif masked < 0.7:
            first = int(place * N_MODEL)
            hidden[first : first + int(50 + 800 * length)] = True
        np.testing.assert_array_equal(shown[row].numpy(), np.where(hidden, 0, ivar[row].numpy()))
    assert (shown > 0).any(dim=1).all()


def test_bfloat16_trains_nearly_the_same_model(trained, small_params, training_spectra, tmp_path):
    train(lambda: iter([training_spectra]), small_params.model_copy(update={"precision": "bf16-mixed"}), 1, tmp_path)
    losses = [pq.read_table(folder / "curves.parquet")["loss"].to_numpy() for folder in (trained, tmp_path)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
    assert not load_model(tmp_path).vae.mixed


def test_out_of_memory_halves_the_batch_of_the_encoding_and_says_so(model, training_spectra, monkeypatch, caplog):
    expected = encode(model, training_spectra[:40], batch_size=16)
    through = encoding._through

    def small(vae, flux, ivar, at):
        if len(flux) > 16:
            raise torch.OutOfMemoryError("no room")
        return through(vae, flux, ivar, at)

    monkeypatch.setattr(encoding, "_through", small)
    with caplog.at_level(logging.WARNING):
        found = encode(model, training_spectra[:40], batch_size=64)
    np.testing.assert_array_equal(found.latent, expected.latent)
    assert "batches of 16 spectra" in caplog.text


def _forked(index, batch_size, error):
    if batch_size > 16:
        raise error


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to ..."),
    ],
)  # fmt: skip
def test_out_of_memory_in_a_process_of_its_own_halves_the_batch_as_well(error):
    def work(batch_size):
        start_processes(_forked, (batch_size, error), nprocs=2, start_method="fork")
        return batch_size

    assert halving(work, 64, "training") == 16


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_another_error_of_a_process_of_its_own_is_not_taken_for_a_lack_of_memory():
    def work(batch_size):
        start_processes(_forked, (batch_size, RuntimeError("an OutOfMemoryError it is not")), start_method="fork")

    with pytest.raises(ProcessRaisedException, match="it is not"):
        halving(work, 64, "training")


def test_float32_is_not_rounded_on_its_way_into_products():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    find_device("auto")
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_without_memory_for_one_spectrum_it_gives_up_clearly(model, training_spectra, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(encoding, "_through", never)
    with pytest.raises(DataError, match="single spectrum"):
        encode(model, training_spectra[:2], batch_size=4)


def test_another_error_of_torch_is_not_taken_for_a_lack_of_memory(model, training_spectra, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(encoding, "_through", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        encode(model, training_spectra[:2])


def test_out_of_memory_halves_the_batch_of_the_training(small_params, training_spectra, tmp_path, monkeypatch, caplog):
    step = module.VaeModule.training_step

    def small(self, batch, batch_idx):
        if len(batch[2]) > 8:
            raise torch.OutOfMemoryError("no room")
        return step(self, batch, batch_idx)

    train(
        lambda: iter([training_spectra]), small_params.model_copy(update={"batch_size": 8}), 1, tmp_path / "small"
    )  # fmt: skip
    monkeypatch.setattr(module.VaeModule, "training_step", small)
    with caplog.at_level(logging.WARNING):
        train(lambda: iter([training_spectra]), small_params, 1, tmp_path / "halved")
    assert "batches of 8 spectra" in caplog.text
    name = "model.safetensors"
    assert (tmp_path / "halved" / name).read_bytes() == (tmp_path / "small" / name).read_bytes()


@pytest.mark.slow  # starts processes
def test_two_processes_train_nearly_the_same_model(trained, small_params, training_spectra, tmp_path):
    train(lambda: iter([training_spectra]), small_params.model_copy(update={"devices": 2}), 1, tmp_path)
    curves = [pq.read_table(folder / "curves.parquet").to_pylist() for folder in (trained, tmp_path)]
    assert curves[0][-1]["step"] == 15  # of 65 spectra in batches of 16
    assert curves[1][-1]["step"] == 12  # a last batch of one cannot be shared
    losses = [[row["loss"] for row in rows if row["split"] == "held_out"] for rows in curves]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
    assert _accuracy(tmp_path) == pytest.approx(_accuracy(trained), abs=0.02)


def _accuracy(folder: Path) -> float:
    return json.loads((folder / "model.json").read_text())["held_out"]["snr_bins"][0]["accuracy"]


@pytest.mark.gpu
@pytest.mark.skipif(not GPU, reason="needs a GPU")
def test_on_a_gpu_it_encodes_the_same(trained, training_spectra):
    here, there = (encode(load_model(trained), training_spectra, device=device) for device in ("cpu", "gpu"))
    np.testing.assert_allclose(here.latent, there.latent, atol=5e-3)
    np.testing.assert_allclose(here.model, there.model, rtol=5e-3, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not GPU, reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16-mixed"])
def test_on_a_gpu_it_trains_nearly_the_same_model(trained, small_params, tmp_path, precision):
    params = small_params.model_copy(update={"accelerator": "gpu", "precision": precision})
    train(lambda: iter([make_spectra(80, seed=3, snr=8.0)]), params, 1, tmp_path)
    assert _accuracy(tmp_path) == pytest.approx(_accuracy(trained), abs=0.02)
