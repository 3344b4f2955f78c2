"""Train the model: gather spectra, fit the linear part, choose its components, train the network, measure.

Every step leaves a checkpoint in the folder; a training that was killed goes on from there, to the same bytes.
"""

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from oddqso.embed import basis
from oddqso.embed.calibrate import calibrate_rest_error
from oddqso.embed.checkpoint import claim, load_aside, save_aside
from oddqso.embed.consistency import measure_consistency
from oddqso.embed.devices import find_device, halving
from oddqso.embed.metrics import measure
from oddqso.embed.module import Batches, HeldOut, Seen, VaeModule, state_of
from oddqso.embed.params import TrainParams
from oddqso.embed.refit import refit
from oddqso.embed.scratch import TrainingSet, gather, map_parts
from oddqso.embed.starting import CURVES_NAME, CURVES_SCHEMA, of_weights, starting_model, weights_state
from oddqso.embed.threads import threads
from oddqso.embed.vae import Vae
from oddqso.embed.watch import Watch, linear_rows, take_look, write_curves
from oddqso.embed.weights import save_model
from oddqso.spectra import Spectra

_CHUNK = 64
_LADDER = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)

Progress = Callable[[str, float], None]


def train(
    batches: Callable[[], Iterator[Spectra]],
    params: TrainParams,
    seed: int,
    out: Path,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> None:
    """Train a model and leave it in ``out``.

    Parameters
    ----------
    batches : callable
        Makes an iterator over prepared spectra on the model grid; no more than one batch is held in memory.
    params : TrainParams
        Settings.
    seed : int
        Of the run.
    out : Path
        Working folder. In the end it holds ``model.safetensors``, ``model.json``, ``curves.parquet`` and
        ``curves.csv``, which grows from the first iteration on; what a killed training left there is used.
    progress : callable, optional
        Called with what is being done and the share of it that is done, 0 to 1.
    watch : callable, optional
        May take a look after each epoch; see `oddqso.embed.watch`.
    """
    params = of_weights(params)
    _train(
        lambda scratch, report: gather(batches, params, seed, scratch, report), params, seed, out, progress, watch, {}
    )


def train_mapped(
    parts: Sequence[Spectra],
    params: TrainParams,
    seed: int,
    out: Path,
    progress: Progress | None = None,
    about: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> None:
    """Train a model on prepared spectra that are mapped from files, and leave it in ``out``; none is copied.

    Parameters
    ----------
    parts : sequence of Spectra
        On the model grid, mapped; they must stay where they are.
    params, seed, out, progress :
        As in `train`; the same spectra give the same bytes.
    about : mapping, optional
        Goes into the card.
    watch : callable, optional
        As in `train`.
    """
    params = of_weights(params)
    _train(
        lambda scratch, report: map_parts(parts, params, seed, scratch, report), params, seed, out, progress, watch,
        about or {},
    )  # fmt: skip


def _train(
    open_data: Callable[[Path, Progress], TrainingSet], params: TrainParams, seed: int, out: Path,
    progress: Progress | None, watch: Watch | None, about: Mapping[str, Any],
) -> None:  # fmt: skip
    report = progress or (lambda message, share: None)
    scratch = out / "scratch"
    started: dict[str, Any] = {"start": params.start}
    find_device(params.accelerator, params.devices)  # whether it is there is known before hours of other work
    claim(scratch, {"settings": params.identity(), "seed": seed, "weights": weights_state(params)})
    with threads(params.n_thread):
        if params.start == "scratch":
            data = open_data(scratch, report)
            vae = _new_vae(params, seed)
            n_used, losses = _fit_linear(vae, data, params, seed, scratch, report)
        else:
            model, started["weights"] = starting_model(params)
            data = open_data(scratch, report)
            vae, params = model.vae.train().requires_grad_(True), params.finetuned()
            n_used = int(model.card["n_component_used"])
            losses = _refit_linear(vae, data, params, seed, scratch, report)
        curves = _train_network(vae, data, params, seed, scratch, report, _seen(out, vae, data, losses, watch))
        report("measure", 1.0)
        held_out = np.flatnonzero(data.held_out)
        some = _some(held_out, params.max_em_spectra // 4, [seed, 15])
        calibrate_rest_error(vae, HeldOut(data, some, _CHUNK))
        figures = measure(vae, HeldOut(data, held_out, _CHUNK), data.snr[held_out], seed)
        figures |= measure_consistency(vae, data, figures["active_latents"], seed)
    facts = {
        "n_train": int((~data.held_out).sum()), "seed": seed, "n_component_used": n_used, "amplitude_latent": 0,
        "training": params.model_dump(exclude={"network"}), **started, **figures, **about,
    }  # fmt: skip
    aside = out / (CURVES_NAME + ".new")
    pq.write_table(pa.Table.from_pylist(curves, schema=CURVES_SCHEMA), aside)
    aside.replace(out / CURVES_NAME)
    save_model(vae, facts, out)  # the card last: where it lies, all lies
    del data
    shutil.rmtree(scratch)


def _seen(out: Path, vae: Vae, data: TrainingSet, losses: list[float], watch: Watch | None) -> Seen:
    def seen(rows: list[dict[str, Any]]) -> None:
        so_far = linear_rows(losses) + rows
        write_curves(out, so_far)
        if rows and watch is not None:
            watch(lambda: take_look(vae, data, so_far))

    return seen


def _new_vae(params: TrainParams, seed: int) -> Vae:
    with torch.random.fork_rng():
        torch.manual_seed(seed % 2**63)
        return Vae(params.network)


def _fit_linear(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, report: Progress
) -> tuple[int, list[float]]:
    """Fit the linear part, from its checkpoint on; how many components are used, and the loss of each iteration."""
    path = scratch / "linear.pt"
    state = load_aside(path)
    if state is None:
        basis.start_linear(vae.linear, np.random.default_rng([seed, 3]))
        state = {"done": 0, "n_used": None}
    else:
        vae.linear.load_state_dict(state["linear"])
    losses: list[float] = state.get("losses", [])
    learn_batches = _by_redshift(data, _some(np.flatnonzero(~data.held_out), params.max_em_spectra, [seed, 5]))
    held_out = _some(np.flatnonzero(data.held_out), params.max_em_spectra // 4, [seed, 7])
    for step in range(state["done"], params.n_em):
        report(f"fit components: {step + 1} of {params.n_em}", step / params.n_em)
        losses.append(basis.fit_step(vae.linear, learn_batches, params.smooth_scale))
        state = {"done": step + 1, "n_used": None, "linear": vae.linear.state_dict(), "losses": losses}
        save_aside(state, path)
        write_curves(scratch.parent, linear_rows(losses))
    if state["n_used"] is None:
        n_used = _choose(vae, data, held_out)
        basis.finish(vae.linear, learn_batches, n_used, params.smooth_scale)
        state = {"done": params.n_em, "n_used": n_used, "linear": vae.linear.state_dict(), "losses": losses}
        save_aside(state, path)
    return int(state["n_used"]), losses


def _refit_linear(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, report: Progress
) -> list[float]:
    """Correct the linear part of trained weights, or take the correction from its checkpoint; as `_fit_linear`."""
    path = scratch / "linear.pt"
    state = load_aside(path)
    if state is not None:
        vae.linear.load_state_dict(state["linear"])
        return list(state.get("losses", []))
    learn = _some(np.flatnonzero(~data.held_out), params.max_em_spectra, [seed, 5])
    start = vae.linear.table.double().numpy().copy()
    report("fit components", 0.0)
    losses = refit(vae.linear, _by_redshift(data, learn), start, params.finetune_width, params.n_em)
    save_aside({"linear": vae.linear.state_dict(), "losses": losses}, path)
    return losses


def _some(index: NDArray[np.int64], n_most: int, key: list[int]) -> NDArray[np.int64]:
    """At most so many of them at random, in order."""
    chosen: NDArray[np.int64] = np.sort(np.random.default_rng(key).permutation(index)[:n_most])
    return chosen


def _by_redshift(data: TrainingSet, index: NDArray[np.int64]) -> basis.Batches:
    """Batches of neighbors in redshift, which share most of the rest frame."""

    def batches() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]]:
        by_z = index[np.argsort(data.z[index], kind="stable")]
        for first in range(0, len(by_z), _CHUNK):
            yield data.read(by_z[first : first + _CHUNK])

    return batches


def _choose(vae: Vae, data: TrainingSet, held_out: NDArray[np.int64]) -> int:
    """How many of the strongest components make held-out spectra most likely."""
    table = vae.linear.table.clone()
    n_component = vae.params.n_component
    best, best_evidence = 0, -np.inf
    for n_used in [n for n in _LADDER if n < n_component] + [n_component]:
        vae.linear.table[:, 1 + n_used :] = 0
        total = 0.0
        for first in range(0, len(held_out), _CHUNK):
            total += float(basis.evidence(vae.linear, *data.read(held_out[first : first + _CHUNK])).sum())
        vae.linear.table.copy_(table)
        if total > best_evidence:
            best, best_evidence = n_used, total
    return best


def _train_network(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, report: Progress, seen: Seen
) -> list[dict[str, Any]]:
    """Train the convolutions and the errors with Lightning, from the checkpoint on; the curves."""
    start = state_of(vae)

    def attempt(batch_size: int) -> list[dict[str, Any]]:
        vae.load_state_dict(start)
        return _attempt(vae, data, params.model_copy(update={"batch_size": batch_size}), seed, scratch, report, seen)

    return halving(attempt, params.batch_size, "training")


def _attempt(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, report: Progress, seen: Seen
) -> list[dict[str, Any]]:
    device = find_device(params.accelerator, params.devices)
    vae.mixed = params.precision == "bf16-mixed"
    module = VaeModule(vae, params, seed, scratch / "network.pt", seen)
    ended = module.resume()
    seen(module.curves)
    if not ended:
        learn = np.flatnonzero(~data.held_out)
        held_out = _some(np.flatnonzero(data.held_out), params.epoch_spectra // 4, [seed, 9])
        if params.start == "finetune" and module.first_epoch == 0:
            module.note_start(HeldOut(data, held_out, _CHUNK))
        with _quiet():
            trainer = lightning.Trainer(
                max_epochs=params.max_epochs - module.first_epoch,
                accelerator="gpu" if device.type == "cuda" else "cpu", devices=params.devices,
                strategy="auto" if params.devices == 1 else "ddp_fork", logger=False,
                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                num_sanity_val_steps=0, gradient_clip_val=params.gradient_clip,
                callbacks=[_Reporter(report, params.max_epochs)], default_root_dir=scratch,
                use_distributed_sampler=False,
            )  # fmt: skip
            trainer.fit(
                module,
                Batches(data, learn, params, seed, module.first_epoch),
                HeldOut(data, held_out, _CHUNK),
            )
        if params.devices > 1:  # the processes that trained have left all they know in the checkpoint
            module.resume()
    vae.cpu().load_state_dict(module.best)
    vae.mixed = False
    vae.eval()
    return module.curves


class _Reporter(lightning.Callback):  # type: ignore[misc]  # lightning has no types that mypy sees
    def __init__(self, report: Progress, max_epochs: int) -> None:
        self.report, self.max_epochs = report, max_epochs

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        epoch = getattr(pl_module, "epoch", 0)
        if trainer.is_global_zero:
            self.report(f"train the network: epoch {epoch + 1} of {self.max_epochs}", epoch / self.max_epochs)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning speaks of hardware, workers and loggers: none of it concerns whoever runs this."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        warnings.filterwarnings("ignore", module=r"torch\..*")
        warnings.simplefilter("ignore", category=lightning.fabric.utilities.warnings.PossibleUserWarning)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
