"""What a user would pick instead of oddqso, on the same prepared spectra and latents, each as good as it easily gets.

Every rival is fitted to the FIT spectra that teach oddqso (strict ones) and scores all others; higher is odder.

- ``autoencoder``: a plain dense autoencoder, mean squared error over good pixels, redshift given to both halves.
- ``weighted_pca``: ivar-weighted PCA of rest-frame spectra (Bailey 2012's EM), reduced chi2 of the residual.
- ``pca_forest``: Isolation Forest on the coefficients of that PCA, scaled.
- ``latent_forest``, ``latent_ecod``, ``latent_lof``: Isolation Forest (scikit-learn), ECOD and LOF (PyOD) on the 128
  latents of the trained model, as they come.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from oddqso.runs.files import read_table
from oddqso.spectra import Embedding, Spectra
from oddqso.stages.rows import teaching

N_COMPONENTS, N_EM, N_LATENT, N_EPOCHS, CLIP = 20, 12, 32, 40, 20.0
NAMES = ("autoencoder", "weighted_pca", "pca_forest", "latent_forest", "latent_ecod", "latent_lof")


@dataclass(frozen=True)
class Sample:
    """Prepared spectra and their latents; (n_spec, n_wave) flux and ivar on the model grid, observed frame."""

    target_id: Any
    z: Any
    flux: Any
    ivar: Any
    wave: Any
    latent: Any
    teaches: Any

    @classmethod
    def read(cls, run: Path) -> "Sample":
        """All spectra of a run."""
        parts = []
        for path in sorted((run / "prepare").glob("*.arrow")):
            prepared, embedded = read_table(path), Embedding.from_table(read_table(run / "embed" / path.name))
            parts.append(cls.of(prepared, embedded))
        return cls.joined(parts)

    @classmethod
    def of(cls, prepared: Any, embedded: Embedding) -> "Sample":
        """One table of prepared spectra, and what the model made of it."""
        spectra = Spectra.from_table(prepared)
        teaches = np.zeros(len(spectra.z), bool)
        teaches[teaching(prepared)] = True
        flux = np.clip(np.nan_to_num(spectra.flux), -CLIP, CLIP)
        return cls(spectra.target_id, spectra.z, flux, spectra.ivar, spectra.wave, embedded.latent, teaches)

    def __getitem__(self, rows: Any) -> "Sample":
        """Some of the spectra."""
        names = ("target_id", "z", "flux", "ivar", "latent", "teaches")
        return Sample(wave=self.wave, **{name: getattr(self, name)[rows] for name in names})

    @classmethod
    def joined(cls, parts: list["Sample"]) -> "Sample":
        """Several samples as one."""
        names = ("target_id", "z", "flux", "ivar", "latent", "teaches")
        whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(wave=parts[0].wave, **whole)


class Autoencoder:
    """4000 pixels and z to 32 numbers and back; Adam, mean squared error over good pixels."""

    def __init__(self, taught: Sample, seed: int) -> None:
        import torch

        torch.manual_seed(seed)
        n_wave, layers = taught.flux.shape[1], torch.nn

        def half(*sizes: int) -> list[Any]:
            steps: list[Any] = []
            for n_in, n_out in pairwise(sizes):
                steps += [layers.Linear(n_in, n_out), layers.LeakyReLU(0.1)]
            return steps[:-1]

        self.encoder = layers.Sequential(*half(n_wave + 1, 512, 128, N_LATENT))
        self.decoder = layers.Sequential(*half(N_LATENT + 1, 128, 512, n_wave))
        good = taught.ivar > 0
        self.mean = (taught.flux * good).sum(0) / np.maximum(good.sum(0), 1)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=1e-3)
        n_batch = 64
        n_steps = N_EPOCHS * -(-len(taught.z) // n_batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=n_steps)
        rng = np.random.default_rng(seed)
        for _ in range(N_EPOCHS):
            order = rng.permutation(len(taught.z))
            for start in range(0, len(order), n_batch):
                rows = order[start : start + n_batch]
                loss = (self._squares(taught, rows)).mean()
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                schedule.step()

    def _squares(self, sample: Sample, rows: Any) -> Any:
        """Mean squared error of each spectrum over its good pixels, a tensor (n_row,)."""
        import torch

        good = torch.from_numpy((sample.ivar[rows] > 0).astype(np.float32))
        flux = torch.from_numpy((sample.flux[rows] - self.mean).astype(np.float32)) * good
        z = torch.from_numpy(sample.z[rows].astype(np.float32))[:, None]
        model = self.decoder(torch.cat([self.encoder(torch.cat([flux, z], 1)), z], 1))
        return ((flux - model) ** 2 * good).sum(1) / good.sum(1).clamp(min=1)

    def __call__(self, sample: Sample) -> Any:
        """Mean squared error, (n_spec,)."""
        import torch

        with torch.inference_mode():
            pieces = np.array_split(np.arange(len(sample.z)), -(-len(sample.z) // 512))
            return np.concatenate([self._squares(sample, rows).numpy() for rows in pieces])


class WeightedPca:
    """Ivar-weighted PCA in the rest frame: mean and `N_COMPONENTS` vectors, learned where there are data."""

    def __init__(self, taught: Sample, seed: int) -> None:
        self.step = float(np.log(taught.wave[1] / taught.wave[0]))
        first = self._shift(np.array([taught.z.max()]))[0]
        self.first, n_rest = first, len(taught.wave) + self._shift(np.array([0.0]))[0] - first
        weight = self._capped(taught)
        self.mean = self._per_pixel(taught, weight * taught.flux, n_rest) / (
            self._per_pixel(taught, weight, n_rest) + 1e-3
        )
        rng = np.random.default_rng(seed)
        self.vectors = rng.standard_normal((N_COMPONENTS, n_rest)) * 0.1  # (n_component, n_rest)
        for _ in range(N_EM):
            self._improve(taught, weight)

    def _shift(self, z: Any) -> Any:
        """First rest-frame pixel of each spectrum, whole pixels, counted downward with z."""
        return -np.round(np.log1p(z) / self.step).astype(int)

    def _capped(self, sample: Sample) -> Any:
        """Weights: the inverse variance, with 5 % of the flux added to the noise, so that the brightest do not rule."""
        return np.where(sample.ivar > 0, sample.ivar / (1 + sample.ivar * (0.05 * sample.flux) ** 2), 0.0)

    def _per_pixel(self, sample: Sample, values: Any, n_rest: int) -> Any:
        total = np.zeros(n_rest)
        for row, start in enumerate(self._shift(sample.z) - self.first):
            total[start : start + values.shape[1]] += values[row]
        return total

    def _fit(self, flux: Any, weight: Any, start: int) -> tuple[Any, Any]:
        """Coefficients of one spectrum, with a weak prior, and its model."""
        here = slice(start, start + len(flux))
        basis, mean = self.vectors[:, here], self.mean[here]
        weighted = basis * weight
        size = weighted @ basis.T + np.eye(len(basis)) * 1e-2 * max(float(weight.mean()), 1e-12)
        coefficients = np.linalg.solve(size, weighted @ (flux - mean))
        return coefficients, mean + coefficients @ basis

    def _starts(self, sample: Sample) -> Any:
        n_rest, n_wave = self.vectors.shape[1], sample.flux.shape[1]
        return np.clip(self._shift(sample.z) - self.first, 0, n_rest - n_wave)

    def _improve(self, taught: Sample, weight: Any) -> None:
        """One EM step: coefficients by least squares, then vectors by least squares pixel by pixel, one at a time."""
        starts, n_wave = self._starts(taught), taught.flux.shape[1]
        coefficients = np.array([self._fit(f, w, s)[0] for f, w, s in zip(taught.flux, weight, starts, strict=True)])
        rest = np.empty_like(taught.flux)
        for row, start in enumerate(starts):
            here = slice(start, start + n_wave)
            rest[row] = taught.flux[row] - self.mean[here] - coefficients[row] @ self.vectors[:, here]
        for k in range(len(self.vectors)):
            c = coefficients[:, k][:, None]
            for row, start in enumerate(starts):
                rest[row] += c[row] * self.vectors[k, start : start + n_wave]
            top = self._per_pixel(taught, weight * rest * c, self.vectors.shape[1])
            bottom = self._per_pixel(taught, weight * c**2, self.vectors.shape[1])
            self.vectors[k] = top / (bottom + 1e-3 * bottom.mean() + 1e-12)
            for row, start in enumerate(starts):
                rest[row] -= c[row] * self.vectors[k, start : start + n_wave]
        # orthonormal vectors, so that coefficients keep their size
        right = np.linalg.svd(self.vectors, full_matrices=False)[2]
        self.vectors = right * np.sqrt(self.vectors.shape[1])

    def both(self, sample: Sample) -> tuple[Any, Any]:
        """Reduced chi2 of each spectrum, and its coefficients."""
        chi2, coefficients = np.empty(len(sample.z)), np.empty((len(sample.z), len(self.vectors)))
        weight = self._capped(sample)
        for row, start in enumerate(self._starts(sample)):
            coefficients[row], model = self._fit(sample.flux[row], weight[row], start)
            good = sample.ivar[row] > 0
            square = (sample.flux[row] - model) ** 2 * sample.ivar[row]
            chi2[row] = square[good].mean() if good.any() else np.nan
        return chi2, coefficients


def fit_rivals(taught: Sample, seed: int) -> dict[str, Any]:
    """Every rival, fitted: name to function of a `Sample`, which gives (n_spec,) scores."""
    from pyod.models.ecod import ECOD
    from pyod.models.lof import LOF
    from sklearn.ensemble import IsolationForest

    pca = WeightedPca(taught, seed)
    coefficients = pca.both(taught)[1]
    center, width = np.median(coefficients, 0), coefficients.std(0) + 1e-9
    on_pca = IsolationForest(n_estimators=300, random_state=seed).fit((coefficients - center) / width)
    on_latents = IsolationForest(n_estimators=300, random_state=seed).fit(taught.latent)
    ecod, lof = ECOD().fit(taught.latent.astype(float)), LOF(n_neighbors=20).fit(taught.latent.astype(float))
    return {
        "autoencoder": Autoencoder(taught, seed),
        "weighted_pca": lambda sample: pca.both(sample)[0],
        "pca_forest": lambda sample: -on_pca.score_samples((pca.both(sample)[1] - center) / width),
        "latent_forest": lambda sample: -on_latents.score_samples(sample.latent),
        "latent_ecod": lambda sample: ecod.decision_function(sample.latent.astype(float)),
        "latent_lof": lambda sample: lof.decision_function(sample.latent.astype(float)),
    }
