"""How well the model fits spectra it has not learned from."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from oddqso.embed.fine import FineWidths
from oddqso.embed.module import Batch
from oddqso.embed.vae import Vae, kl_units
from oddqso.spectra.grid import model_grid
from oddqso.spectra.lines import LYMAN_ALPHA_ANGSTROM

SNR_BINS: Final = ((0.0, 2.0), (2.0, 3.0), (3.0, 5.0), (5.0, 10.0), (10.0, np.inf))
"""Median signal-to-noise ratio per native pixel."""

ACTIVE_NAT: Final = 0.1
"""Mean KL above which a latent counts as active [nat]."""

_N_BOOTSTRAP = 200


def accuracy(
    flux: NDArray[np.float32], ivar: NDArray[np.float32], model: NDArray[np.float32], red: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Of each spectrum: 1 - sqrt(max(0, mean_w[r^2 - 1/ivar])) / mean_w[f], (n_spec,), with weights w = ivar.

    Parameters
    ----------
    flux, ivar, model : (n_spec, n_wave)
        Spectrum and reconstruction.
    red : (n_spec, n_wave) bool
        Pixels redward of Lyman alpha; good ones among them count.

    Examples
    --------
    >>> flat = np.ones((1, 500), np.float32)
    >>> float(accuracy(1.1 * flat, 1e6 * flat, flat, flat > 0)[0].round(3))  # 0.1 off at flux 1.1
    0.909
    """
    weight = np.where(red, ivar, 0).astype(np.float64)
    total = np.maximum(weight.sum(axis=1), 1e-30)
    excess = (weight * (flux - model) ** 2).sum(axis=1) - (weight > 0).sum(axis=1)
    level = np.abs((weight * flux).sum(axis=1) / total)
    off: NDArray[np.float64] = np.sqrt(np.maximum(excess / total, 0)) / np.maximum(level, 1e-30)
    return 1 - off


def measure(vae: Vae, batches: Iterable[Batch], snr: NDArray[np.float64], seed: int) -> dict[str, Any]:
    """Figures on held-out spectra, per bin of signal-to-noise ratio, for ``model.json``.

    Parameters
    ----------
    vae : Vae
        The trained model.
    batches : iterable
        Held-out spectra.
    snr : (n_spec,) float64
        Their median signal-to-noise ratio per native pixel.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``accuracy`` with its 68 % interval, ``chi_width`` (half the central 68.27 % of the whitened residual; 1 is
        right) redward of Lyman alpha and in the forest, the shares within 1, 2 and 3 sigma, the widths in sky lines,
        joins and fine bins of observed wavelength (`FineWidths.figures`), and the KL of each latent.
    """
    fine = FineWidths()
    parts = [_batch_figures(vae, batch, fine) for batch in batches]
    each = np.concatenate([part[0] for part in parts])  # (n_spec,)
    kl = np.concatenate([part[1] for part in parts]).mean(axis=0)  # (n_latent,)
    histogram = {side: np.concatenate([part[2][side] for part in parts]) for side in ("red", "forest")}
    rng = np.random.default_rng([seed, 17])
    bins = []
    for low, high in SNR_BINS:
        rows = np.flatnonzero((snr >= low) & (snr < high))
        if len(rows) < 5:
            continue
        draws = np.median(each[rng.choice(rows, (_N_BOOTSTRAP, len(rows)))], axis=1)
        red = histogram["red"][rows].sum(axis=0)
        figures = {
            "snr_min": low, "snr_max": high if np.isfinite(high) else None, "n_spec": len(rows),
            "accuracy": float(np.median(each[rows])),
            "accuracy_low": float(np.percentile(draws, 16)), "accuracy_high": float(np.percentile(draws, 84)),
            "chi_width": _quantile(red, 0.6827), "within_1_sigma": _share(red, 1), "within_2_sigma": _share(red, 2),
            "within_3_sigma": _share(red, 3),
            "chi_width_forest": _quantile(histogram["forest"][rows].sum(axis=0), 0.6827),
        }  # fmt: skip
        bins.append({key: round(value, 5) if isinstance(value, float) else value for key, value in figures.items()})
    active = np.flatnonzero(kl > ACTIVE_NAT)
    return {
        "held_out": {"n_spec": len(each), "snr_bins": bins},
        **fine.figures(vae.linear.noise_factor().detach().numpy()),
        "active_units": len(active),
        "active_latents": active.tolist(),
        "kl_per_latent": [round(float(value), 5) for value in kl],
    }


_EDGE = np.linspace(0, 10, 1001)


@torch.inference_mode()
def _batch_figures(
    vae: Vae, batch: Batch, fine: FineWidths
) -> tuple[NDArray[np.float64], NDArray[np.float32], dict[str, NDArray[np.int64]]]:
    flux, ivar, z = batch
    made = vae.reconstruct(flux, ivar, z)
    encoded, model = made.encoded, made.flux
    variance = vae.linear.variance(ivar, model, made.fraction, made.floor)
    chi = ((flux - model).abs() / variance.sqrt()).numpy()
    red = model_grid() > LYMAN_ALPHA_ANGSTROM * (1 + np.asarray(z))[:, None]
    good = ivar.numpy() > 0
    fine.add(chi, red & good)
    counts = {
        side: np.stack(
            [np.histogram(np.minimum(row[use], 9.999), _EDGE)[0] for row, use in zip(chi, part, strict=True)]
        )
        for side, part in (("red", red & good), ("forest", ~red & good))
    }
    units = kl_units(encoded.mean, torch.log(encoded.sigma)).numpy()
    return accuracy(flux.numpy(), ivar.numpy(), model.numpy(), red), units, counts


def _quantile(counts: NDArray[np.int64], share: float) -> float | None:
    """Quantile of a histogram of abs(chi); None if it is empty."""
    if counts.sum() == 0:
        return None
    return float(np.interp(share * counts.sum(), np.concatenate([[0], np.cumsum(counts)]), _EDGE))


def _share(counts: NDArray[np.int64], sigma: float) -> float | None:
    """Share of a histogram of abs(chi) within ``sigma``; None if it is empty."""
    if counts.sum() == 0:
        return None
    return float(counts[: int(sigma * 100)].sum() / counts.sum())
