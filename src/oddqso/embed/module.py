"""The Lightning module and the order of its batches."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oddqso.embed.checkpoint import load_aside, save_aside
from oddqso.embed.frame import take
from oddqso.embed.linear import FLOOR
from oddqso.embed.loss import Terms, free_bits, line_weights, misfit, roughness
from oddqso.embed.params import TrainParams
from oddqso.embed.scratch import TrainingSet
from oddqso.embed.vae import Vae, kl_units
from oddqso.spectra.grid import ARMS, N_MODEL, arm_grid, model_grid

Batch = tuple[Tensor, Tensor, NDArray[np.float64]]
Seen = Callable[[list[dict[str, Any]]], None]
"""Is told the curves so far, after they are in the checkpoint."""


class Batches:
    """Batches of the training spectra, shuffled anew each time it is walked through, by (seed, epoch) alone."""

    def __init__(self, data: TrainingSet, index: NDArray[np.int64], params: TrainParams, seed: int, epoch: int) -> None:
        self.data, self.index, self.params, self.seed, self.epoch = data, index, params, seed, epoch
        self.n_epoch = min(len(index), params.epoch_spectra)

    def __len__(self) -> int:
        n_full, n_left = divmod(self.n_epoch, self.params.batch_size)
        return n_full + (n_left >= _place()[1])

    def __iter__(self) -> Iterator[Batch]:
        n_block = max(len(self.index) // self.n_epoch, 1)
        walk, block = divmod(self.epoch, n_block)
        self.epoch += 1
        order = np.random.default_rng([self.seed, 11, walk]).permutation(self.index)
        part = order[block * self.n_epoch : (block + 1) * self.n_epoch]
        return fixed_batches(self.data, part[: len(self) * self.params.batch_size], self.params.batch_size, *_place())


def _place() -> tuple[int, int]:
    """Which of how many processes this is that train together."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def fixed_batches(
    data: TrainingSet, index: NDArray[np.int64], batch_size: int, rank: int = 0, n_rank: int = 1
) -> Iterator[Batch]:
    """Batches of the spectra ``index``, in that order; of each batch every ``n_rank``-th spectrum from ``rank`` on."""
    for first in range(0, len(index), batch_size):
        flux, ivar, z = data.read(index[first : first + batch_size][rank::n_rank])
        yield torch.from_numpy(flux), torch.from_numpy(ivar), z


class HeldOut:
    """The held-out spectra, batch by batch, as often as wanted."""

    def __init__(self, data: TrainingSet, index: NDArray[np.int64], batch_size: int) -> None:
        self.data, self.index, self.batch_size = data, index, batch_size

    def __len__(self) -> int:
        return math.ceil(len(self.index) / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return fixed_batches(self.data, self.index, self.batch_size)


class VaeModule(lightning.LightningModule):  # type: ignore[misc]  # lightning has no types that mypy sees
    """Training of the convolutions and of the model errors; the linear part stays as it was fitted.

    Parameters
    ----------
    vae : Vae
        What is trained, its linear part fitted.
    params : TrainParams
        Settings.
    seed : int
        Of the run.
    checkpoint : Path
        File that holds all that is needed to go on.
    seen : callable
        Told the curves after each epoch.
    """

    def __init__(self, vae: Vae, params: TrainParams, seed: int, checkpoint: Path, seen: Seen) -> None:
        super().__init__()
        self.vae, self.params, self.seed, self.checkpoint, self.seen = vae, params, seed, checkpoint, seen
        weights = line_weights(vae.grid.wave(), params.line_weight)
        self.register_buffer("line_weight", torch.from_numpy(weights), persistent=False)
        self.first_epoch, self.n_step, self.stale = 0, 0, 0
        self.best_loss, self.best = math.inf, state_of(vae)
        self.best_epoch: int | None = None
        self.start_loss: float | None = None
        self.curves: list[dict[str, Any]] = []
        self.generator = torch.Generator()
        self.running: list[Tensor] = []
        self.held_out: list[Tensor] = []
        wave = model_grid()
        arms = np.stack([(wave >= arm_grid(arm)[0]) & (wave <= arm_grid(arm)[-1]) for arm in ARMS])
        self.register_buffer("arms", torch.from_numpy(arms), persistent=False)  # (n_arm, n_wave)

    # What changes in the course of training, all functions of the epoch or the step alone.

    @property
    def epoch(self) -> int:
        """The present epoch, counted from the very first."""
        return self.first_epoch + int(self.current_epoch)

    @property
    def beta(self) -> float:
        """Weight of the divergence: it rises from 0 to 1 over the first third; trained weights know it already."""
        if self.params.start == "finetune":
            return 1.0
        return min(1.0, (self.epoch + 0.5) / max(self.params.max_epochs / 3, 1))

    @property
    def robust(self) -> bool:
        """Whether outlying pixels are weighted down: in the last third, and where trained weights are finetuned."""
        return self.params.start == "finetune" or self.epoch >= 2 * self.params.max_epochs / 3

    def rate(self, step: int, n_total: int) -> float:
        """Learning rate: up over the first tenth, then down like a cosine."""
        share = min(step / max(n_total, 1), 1.0)
        rise = 0.1
        factor = share / rise if share < rise else 0.5 * (1 + math.cos(math.pi * (share - rise) / (1 - rise)))
        return self.params.learning_rate * max(factor, 0.01)

    def terms(self, batch: Batch, *, generator: torch.Generator | None) -> Terms:
        """Loss of a batch; with a generator for training, without it at the posterior mean and without masks."""
        flux, ivar, z = batch
        frame = self.vae.grid.frame(z, flux.device)
        transmission, fraction = self.vae.context(frame)
        shown = ivar if generator is None else self._masked(ivar, generator)
        encoded = self.vae.encode(flux, shown, frame, transmission, fraction.detach())
        latent = encoded.mean if generator is None else self.vae.sample(encoded, generator)
        model = self.vae.decode(latent, frame, transmission)
        floor = FLOOR * encoded.linear.amplitude[:, None]
        variance = self.vae.linear.variance(ivar, model.detach(), fraction, floor)
        training = generator is not None
        weight = take(self.line_weight, frame) if training else torch.ones(1, 1, device=flux.device)
        dof = self.params.network.student_dof if self.robust or not training else None
        reconstruction = misfit(flux, ivar, model, variance, weight, dof).mean() / N_MODEL
        units = kl_units(encoded.mean, torch.log(encoded.sigma))
        divergence = encoded.kl.mean() / N_MODEL
        n_first = 1 + self.params.network.n_component
        if not training:
            return Terms(reconstruction + divergence, reconstruction, divergence)
        linear = self.vae.kl_linear(encoded.mean[:, 1:n_first], encoded.linear).mean()
        spared = (linear + free_bits(units[:, n_first:], self.params.free_bits)) / N_MODEL
        penalty = 1e-3 * roughness(self.vae.linear) / N_MODEL
        return Terms(reconstruction + self.beta * spared + penalty, reconstruction, divergence)

    def _masked(self, ivar: Tensor, generator: torch.Generator) -> Tensor:
        """Hide an arm, or a stretch of pixels, of some spectra from the encoder."""
        n_spec, n_wave = ivar.shape
        draw = torch.rand(n_spec, 4, generator=generator).to(ivar.device)
        arm = self.arms[(draw[:, 2] * len(self.arms)).long()]  # (n_spec, n_wave)
        elsewhere = ((ivar > 0) & ~arm).any(dim=1, keepdim=True)
        first = (draw[:, 2] * n_wave).long()[:, None]
        place = torch.arange(n_wave, device=ivar.device)
        stretch = (place >= first) & (place < first + (50 + 800 * draw[:, 3]).long()[:, None])
        hidden = torch.where(draw[:, 1:2] < 0.5, arm & elsewhere, stretch)
        return torch.where((draw[:, :1] < self.params.mask_share) & hidden, 0, ivar)

    # Hooks of Lightning.

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; the errors of the model do not decay."""
        errors = list(self.vae.linear.parameters())
        network = [*self.vae.encoder.parameters(), *self.vae.decoder.parameters()]
        groups = [
            {"params": network, "weight_decay": self.params.weight_decay, "factor": 1.0},
            {"params": errors, "weight_decay": 0.0, "factor": 5.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.params.learning_rate, betas=(0.9, 0.98))
        if self.state is not None:
            optimizer.load_state_dict(self.state)
        return optimizer

    state: dict[str, Any] | None = None

    def on_train_epoch_start(self) -> None:
        """Randomness of an epoch comes from the seed and the epoch."""
        rank = [self.global_rank] if self.global_rank else []
        key = np.random.SeedSequence([self.seed, 13, self.epoch, *rank]).generate_state(1, np.uint64)[0]
        self.generator.manual_seed(int(key) % 2**63)
        self.running = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One gradient step."""
        n_batch = int(self.trainer.num_training_batches)
        rate = self.rate(self.epoch * n_batch + batch_idx, self.params.max_epochs * n_batch)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate * group["factor"]
        terms = self.terms(batch, generator=self.generator)
        self.running.append(_row(batch, terms))
        self.n_step += 1
        loss: Tensor = terms.loss
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the epoch before."""
        self.held_out = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Measure on held-out spectra."""
        terms = self.terms(batch, generator=None)
        self.held_out.append(_row(batch, terms))

    def on_train_epoch_end(self) -> None:
        """Note the losses, keep the best, write all down, and stop when nothing gets better."""
        lr = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        for split, rows in (("train", self.running), ("held_out", self.held_out)):
            n_spec, *columns = _table(rows)
            loss, reconstruction, kl = (float(np.sum(n_spec * column) / n_spec.sum()) for column in columns)
            self.curves.append(
                {
                    "epoch": self.epoch, "step": self.n_step, "split": split, "loss": loss,
                    "reconstruction": reconstruction, "kl": kl, "beta": self.beta, "lr": lr,
                }
            )  # fmt: skip
        loss = self.curves[-1]["loss"]
        if loss < self.best_loss:
            self.best_loss, self.best_epoch, self.stale = loss, self.epoch, 0
            self.best = state_of(self.vae)
        elif self.robust:
            self.stale += 1
        if self.stale >= self.params.patience:
            self.trainer.should_stop = True
        if self.trainer.is_global_zero:
            self._save()
            self.seen(self.curves)

    @torch.no_grad()
    def note_start(self, batches: HeldOut) -> None:
        """Measure the weights that training starts from: if nothing is better, they are kept."""
        n_spec, *columns = _table([_row(batch, self.terms(batch, generator=None)) for batch in batches])
        self.best_loss = self.start_loss = float(np.sum(n_spec * columns[0]) / n_spec.sum())
        self.best = state_of(self.vae)

    def chosen(self) -> dict[str, Any]:
        """What the card says of the choice: the epoch that is kept, and the loss of the weights started from, if any.

        ``best_epoch`` is as in the curves; None where no epoch was better than the start.
        """
        return {"best_epoch": self.best_epoch, "start_loss": self.start_loss}

    def _save(self) -> None:
        state = {
            "epoch": self.epoch + 1, "step": self.n_step, "stale": self.stale, "best_loss": self.best_loss,
            "best_epoch": self.best_epoch, "start_loss": self.start_loss, "stop": bool(self.trainer.should_stop),
            "best": self.best, "vae": self.vae.state_dict(), "optimizer": self.trainer.optimizers[0].state_dict(),
            "curves": self.curves,
        }  # fmt: skip
        save_aside(state, self.checkpoint)

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one; whether training had ended there."""
        state = load_aside(self.checkpoint)
        if state is None:
            return False
        self.vae.load_state_dict(state["vae"])
        self.first_epoch, self.n_step, self.stale = state["epoch"], state["step"], state["stale"]
        self.best_loss, self.best, self.curves = state["best_loss"], state["best"], state["curves"]
        self.best_epoch, self.start_loss = state["best_epoch"], state["start_loss"]
        self.state = state["optimizer"]
        return bool(state["stop"]) or self.first_epoch >= self.params.max_epochs


def _row(batch: Batch, terms: Terms) -> Tensor:
    """Spectra of the batch and what they cost, (4,); it stays on the device."""
    costs = torch.stack([terms.loss, terms.reconstruction, terms.kl]).detach().double()
    return torch.cat([costs.new_full((1,), len(batch[2])), costs])


def _table(rows: list[Tensor]) -> NDArray[np.float64]:
    """Columns of `_row`, (4, n_batch)."""
    table: NDArray[np.float64] = torch.stack(rows).cpu().numpy().T
    return table


def state_of(vae: Vae) -> dict[str, Tensor]:
    """A copy of the weights, in the memory of the processor."""
    return {key: value.detach().cpu().clone() for key, value in vae.state_dict().items()}
