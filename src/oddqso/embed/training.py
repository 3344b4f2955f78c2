"""Train the model: gather spectra, fit the linear part, choose its components, train the network, measure.

Every step leaves a checkpoint in the folder; a training that was killed goes on from there, to the same bytes.
"""

import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import lightning
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from oddqso.embed.calibrate import calibrate_rest_error
from oddqso.embed.checkpoint import claim
from oddqso.embed.consistency import measure_consistency
from oddqso.embed.course import Course, Tell, plan_course
from oddqso.embed.devices import find_device, halving
from oddqso.embed.fitting import CHUNK, fit_linear, refit_linear, some
from oddqso.embed.metrics import measure
from oddqso.embed.module import Batches, HeldOut, Seen, VaeModule, state_of
from oddqso.embed.params import TRAIN_VERSION, TrainParams
from oddqso.embed.scratch import TrainingSet, gather, map_parts
from oddqso.embed.starting import CURVES_NAME, CURVES_SCHEMA, of_weights, starting_model, weights_state
from oddqso.embed.threads import threads
from oddqso.embed.vae import Vae
from oddqso.embed.watch import Watch, linear_rows, take_look, write_curves
from oddqso.embed.weights import save_model
from oddqso.spectra import Spectra

FEWEST_APART: Final = 40
"""So many held-out spectra are needed to calibrate on one part and measure on another."""


def train(
    batches: Callable[[], Iterator[Spectra]],
    params: TrainParams,
    seed: int,
    out: Path,
    progress: Tell | None = None,
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
        Called with what is being done and the share of the whole that is done, 0 to 1, which never falls and grows
        roughly with the time.
    watch : callable, optional
        May take a look after each epoch; see `oddqso.embed.watch`.
    """
    params = of_weights(params)
    _train(lambda scratch, tell: gather(batches, params, seed, scratch, tell), params, seed, out, progress, watch, {})


def train_mapped(
    parts: Sequence[Spectra],
    params: TrainParams,
    seed: int,
    out: Path,
    progress: Tell | None = None,
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
        lambda scratch, tell: map_parts(parts, params, seed, scratch, tell), params, seed, out, progress, watch,
        about or {},
    )  # fmt: skip


def _train(
    open_data: Callable[[Path, Tell], TrainingSet], params: TrainParams, seed: int, out: Path,
    progress: Tell | None, watch: Watch | None, about: Mapping[str, Any],
) -> None:  # fmt: skip
    scratch = out / "scratch"
    course = Course(progress or (lambda words, share: None))
    started: dict[str, Any] = {"start": params.start}
    find_device(params.accelerator, params.devices)  # whether it is there is known before hours of other work
    made_from = {"settings": params.identity(), "seed": seed, "weights": weights_state(params)}
    claim(scratch, {"version": TRAIN_VERSION, **made_from})
    with threads(params.n_thread):
        if params.start == "scratch":
            data = open_data(scratch, course.gather)
            course = plan_course(course.tell, params, data.held_out)
            vae = _new_vae(params, seed)
            n_used, losses = fit_linear(vae, data, params, seed, scratch, course.fit)
        else:
            model, started["weights"] = starting_model(params)
            data = open_data(scratch, course.gather)
            vae, params = model.vae.train().requires_grad_(True), params.finetuned()
            course = plan_course(course.tell, params, data.held_out)
            n_used = int(model.card["n_component_used"])
            table = vae.linear.table.clone()
            losses = refit_linear(vae, data, params, seed, scratch, course.fit)
            started["linear_corrected"] = not torch.equal(vae.linear.table, table)
        seen = _seen(out, vae, data, losses, watch)
        curves, chosen = _train_network(vae, data, params, seed, scratch, course.train, seen)
        course.measure("measure")
        figures = _calibrated(vae, data, params, seed, measured=started.get("linear_corrected") is False)
    facts = {
        "n_train": int((~data.held_out).sum()), "seed": seed, "n_component_used": n_used, "amplitude_latent": 0,
        "training": params.model_dump(exclude={"network"}), **started, **chosen, **figures,
        **_learned(data, params.start), **about,
    }  # fmt: skip
    aside = out / (CURVES_NAME + ".new")
    pq.write_table(pa.Table.from_pylist(curves, schema=CURVES_SCHEMA), aside)
    aside.replace(out / CURVES_NAME)
    save_model(vae, facts, out)  # the card last: where it lies, all lies
    del data
    shutil.rmtree(scratch)


def _learned(data: TrainingSet, start: str) -> dict[str, Any]:
    """What the model has learned from, and the limits that follow from it, for the card."""
    learned = ~data.held_out
    z, snr = (np.quantile(column[learned], [0, 1]).round(3).tolist() for column in (data.z, data.snr))
    taught = (
        f"{int(learned.sum()):,} spectra of redshift {z[0]:g} to {z[1]:g} and median signal-to-noise ratio "
        f"{snr[0]:g} to {snr[1]:g} per native pixel"
    )
    known = "Beyond what these and its weights (see weights) have seen" if start == "finetune" else "Beyond these"
    return {
        "data": {"what": "spectra that it was given", "n_spec": len(learned), "z": z, "snr": snr},
        "limits": [f"It was taught by {taught}.", f"{known} it was never measured."],
    }


def _calibrated(vae: Vae, data: TrainingSet, params: TrainParams, seed: int, *, measured: bool) -> dict[str, Any]:
    """Set the error right with one part of the held-out spectra and measure the model on the others, for the card.

    Of few held-out spectra all do both, and the card says so.
    """
    held_out = np.flatnonzero(data.held_out)
    apart = len(held_out) >= FEWEST_APART
    most = params.max_em_spectra // 4
    calibrators = some(held_out, min(most, len(held_out) // 2) if apart else most, [seed, 15])
    noise = calibrate_rest_error(vae, HeldOut(data, calibrators, CHUNK), measured=measured)
    others = np.setdiff1d(held_out, calibrators) if apart else held_out
    figures = measure(vae, HeldOut(data, others, CHUNK), data.snr[others], seed)
    figures |= measure_consistency(vae, data, figures["active_latents"], seed)
    figures["held_out"] |= {"n_spec": len(held_out), "n_measured": len(others)}
    figures["calibration"] = {
        "n_spec": len(calibrators), "measured_on_others": apart, "noise_share": round(float(np.median(noise)), 4)
    }  # fmt: skip
    return figures


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


def _train_network(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, tell: Tell, seen: Seen
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train the convolutions and the errors with Lightning, from the checkpoint on; the curves, and what was chosen."""
    start = state_of(vae)

    def attempt(batch_size: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        vae.load_state_dict(start)
        return _attempt(vae, data, params.model_copy(update={"batch_size": batch_size}), seed, scratch, tell, seen)

    return halving(attempt, params.batch_size, "training")


def _attempt(
    vae: Vae, data: TrainingSet, params: TrainParams, seed: int, scratch: Path, tell: Tell, seen: Seen
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    device = find_device(params.accelerator, params.devices)
    vae.mixed = params.precision == "bf16-mixed"
    module = VaeModule(vae, params, seed, scratch / "network.pt", seen)
    ended = module.resume()
    seen(module.curves)
    if not ended:
        learn = np.flatnonzero(~data.held_out)
        held_out = some(np.flatnonzero(data.held_out), params.epoch_spectra // 4, [seed, 9])
        if params.start == "finetune" and module.first_epoch == 0:
            module.note_start(HeldOut(data, held_out, CHUNK))
        with _quiet():
            trainer = lightning.Trainer(
                max_epochs=params.max_epochs - module.first_epoch,
                accelerator="gpu" if device.type == "cuda" else "cpu", devices=params.devices,
                strategy="auto" if params.devices == 1 else "ddp_fork", logger=False,
                enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                num_sanity_val_steps=0, gradient_clip_val=params.gradient_clip,
                callbacks=[_Reporter(tell, params.max_epochs)], default_root_dir=scratch,
                use_distributed_sampler=False,
            )  # fmt: skip
            trainer.fit(
                module,
                Batches(data, learn, params, seed, module.first_epoch),
                HeldOut(data, held_out, CHUNK),
            )
        if params.devices > 1:  # the processes that trained have left all they know in the checkpoint
            module.resume()
    vae.cpu().load_state_dict(module.best)
    vae.mixed = False
    vae.eval()
    return module.curves, module.chosen()


class _Reporter(lightning.Callback):  # type: ignore[misc]  # lightning has no types that mypy sees
    def __init__(self, tell: Tell, max_epochs: int) -> None:
        self.tell, self.max_epochs = tell, max_epochs

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        epoch = getattr(pl_module, "epoch", 0)
        if trainer.is_global_zero:
            self.tell(f"train the network: epoch {epoch + 1} of {self.max_epochs}", epoch / self.max_epochs)


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
