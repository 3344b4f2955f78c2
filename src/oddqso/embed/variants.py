"""What the model is compared with: a plain autoencoder, a weighted PCA, and the model without its convolutions.

Each learns from the same spectra and is a `Model`: `oddqso.embed.encoding.encode` gives its `Embedding`, and whatever
measures a model measures it. They are not for runs: two of them know no error of their own, and their training leaves
no checkpoints.
"""

import copy
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from oddqso.embed.calibrate import calibrate_rest_error
from oddqso.embed.frame import Frame, take
from oddqso.embed.module import Batches, HeldOut, state_of
from oddqso.embed.params import TrainParams
from oddqso.embed.scratch import TrainingSet
from oddqso.embed.vae import Encoded, Vae
from oddqso.embed.weights import Model
from oddqso.embed.wpca import WeightedPca, capped_weight, plainly_encoded
from oddqso.spectra.grid import model_grid

N_AUTOENCODER: Final = 32
"""Latents of the plain autoencoder."""

N_PCA: Final = 20
"""Components of the weighted PCA."""

_CHUNK, _N_STEP = 64, 15


class Autoencoder(Vae):
    """The convolutions alone: no components, no posterior, no error of its own; latents are what the encoder says."""

    def encode(self, flux: Tensor, ivar: Tensor, frame: Frame, transmission: Tensor, fraction: Tensor) -> Encoded:
        """Latents of ``flux``, ``ivar`` (n_spec, n_wave); the first is the amplitude."""
        typical = take(self.linear.table[:, 0], frame) * transmission
        known, root = (ivar > 0).float(), capped_weight(ivar, typical).sqrt()
        chi, brightness = ((flux - typical) * root).clamp(-6, 6), flux * root
        logarithm = brightness.sign() * torch.log1p(brightness.abs())
        inputs = torch.stack([chi / 2, logarithm / 2, torch.log1p(typical.abs() * root) / 2, known], dim=-1)
        return plainly_encoded(self.encoder(inputs, known, frame)[:, : self.params.n_latent], typical)

    def error(self, ivar: Tensor, model: Tensor, fraction: Tensor, floor: Tensor) -> Tensor:
        """It knows none, (n_spec, n_wave)."""
        return torch.zeros_like(model)

    def loss(self, flux: Tensor, ivar: Tensor, frame: Frame) -> Tensor:
        """Squared residual of a pixel in units of its error, with 5 % of the typical flux added to it, ()."""
        transmission, fraction = self.context(frame)
        encoded = self.encode(flux, ivar, frame, transmission, fraction)
        weight = capped_weight(ivar, encoded.linear.model)
        squares = weight * (flux - self.decode(encoded.mean, frame, transmission)) ** 2
        return squares.sum() / (ivar > 0).sum()


def train_autoencoder(data: TrainingSet, params: TrainParams, seed: int) -> Model:
    """A plain autoencoder of the model's own convolutions, by `TrainParams.max_epochs` epochs; the best is kept.

    Parameters
    ----------
    data : TrainingSet
        Spectra to learn from, and held-out ones.
    params : TrainParams
        Settings; those of the linear part do not matter.
    seed : int
        Of weights and order.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = params.network.model_copy(update={"n_latent": N_AUTOENCODER, "n_linear": 1})
        vae = Autoencoder(network)
    vae.linear.table.copy_(_mean_table(data, params, vae))
    learn, held_out = Batches(data, np.flatnonzero(~data.held_out), params, seed, 0), _held_out(data)
    weights = [*vae.encoder.parameters(), *vae.decoder.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=params.learning_rate, weight_decay=params.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, params.learning_rate, total_steps=params.max_epochs * len(learn), pct_start=0.1
    )
    best, least = state_of(vae), float("inf")
    for _ in range(params.max_epochs):
        for flux, ivar, z in learn:
            optimizer.zero_grad()
            vae.loss(flux, ivar, vae.grid.frame(z)).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, params.gradient_clip)
            optimizer.step()
            schedule.step()
        with torch.inference_mode():
            now = np.mean([float(vae.loss(flux, ivar, vae.grid.frame(z))) for flux, ivar, z in held_out])
        if now < least:
            best, least = state_of(vae), float(now)
    vae.load_state_dict(best)
    return _model(vae, list(range(N_AUTOENCODER)))


def train_pca(data: TrainingSet, params: TrainParams, seed: int) -> Model:
    """A weighted PCA of `N_PCA` components."""
    pca = WeightedPca(N_PCA, params.network.z_min, params.network.z_max)
    pca.fit(_learned(data), np.random.default_rng([seed, 23]), _N_STEP)
    return _model(pca, list(range(1 + N_PCA)))


def without_network(model: Model, data: TrainingSet) -> Model:
    """The model with its linear part alone; the error of that is calibrated on the held-out spectra of ``data``."""
    vae = copy.deepcopy(model.vae)
    with torch.no_grad():
        for layer in (vae.encoder.last, vae.decoder.layers[-1]):
            for parameter in layer.parameters():
                parameter.zero_()
    calibrate_rest_error(vae, _held_out(data))
    n_first = 1 + vae.params.n_component
    return _model(vae, [unit for unit in np.flatnonzero(model.active).tolist() if unit < n_first])


VARIANTS: Final = {"autoencoder": train_autoencoder, "weighted_pca": train_pca}
"""What is trained from the spectra alone."""


def _mean_table(data: TrainingSet, params: TrainParams, vae: Vae) -> Tensor:
    """The weighted mean spectrum in the first column, and no components."""
    mean = WeightedPca(1, params.network.z_min, params.network.z_max)
    mean.fit(_learned(data), np.random.default_rng(0), 0)
    table = torch.zeros_like(vae.linear.table)
    table[:, 0] = mean.linear.table[:, 0]
    return table


def _learned(data: TrainingSet) -> HeldOut:
    index = np.flatnonzero(~data.held_out)
    return HeldOut(data, index[np.argsort(data.z[index], kind="stable")], _CHUNK)


def _held_out(data: TrainingSet) -> HeldOut:
    return HeldOut(data, np.flatnonzero(data.held_out), _CHUNK)


def _model(vae: Vae, active: list[int]) -> Model:
    vae.eval().requires_grad_(False)
    return Model(vae, model_grid(), {"active_latents": active, "active_units": len(active)})
