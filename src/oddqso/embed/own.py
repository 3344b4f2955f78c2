"""What latents tell of the redshift, measured on the spectra of a run that took its weights from elsewhere."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch

from oddqso.embed.consistency import SNR_MIN, measure_consistency
from oddqso.embed.encoding import encode
from oddqso.embed.metrics import ACTIVE_NAT
from oddqso.embed.scratch import median_snr, unlearned
from oddqso.embed.threads import threads
from oddqso.embed.vae import kl_units
from oddqso.embed.weights import Model
from oddqso.spectra import Spectra

N_MOST: Final = 3000
"""Most spectra with S/N of at least 2 that are looked at: the first ones."""

N_ENCODED: Final = 1000
"""Most spectra of any S/N whose divergence from the prior is looked at."""

_N_INTERVAL: Final = 1000
_LEAST_SNR: Final = 0.3
_N_LEAST: Final = 20


def measure_own(model: Model, batches: Iterable[Spectra], seed: int) -> dict[str, Any]:
    """Active latents, redshift leakage and shift consistency on spectra of a run that does not teach the model.

    Parameters
    ----------
    model : Model
        Weights that were taken as they are.
    batches : iterable of Spectra
        Prepared spectra; no more are read than are needed.
    seed : int
        Of choices.

    Returns
    -------
    dict
        ``redshift_leakage`` and ``shift_consistency`` of `measure_consistency`, over the latents that are active by the
        model's card; ``active_units``, how many latents diverge by more than 0.1 nat on the first ``n_encoded``
        spectra. None where there are too few.
    """
    parts, n_spec, n_bright = [], 0, 0
    for spectra in batches:
        snr = median_snr(spectra.flux, spectra.ivar)
        rows = np.flatnonzero(snr >= (_LEAST_SNR if n_spec < N_ENCODED else SNR_MIN))
        parts.append((spectra[rows], snr[rows]))
        n_spec, n_bright = n_spec + len(rows), n_bright + int(np.count_nonzero(snr >= SNR_MIN))
        if n_bright >= N_MOST:
            break
    if n_spec < _N_LEAST:
        return {"n_encoded": n_spec, "active_units": None, "redshift_leakage": None, "shift_consistency": None}
    units = np.concatenate([_divergence(model, spectra) for spectra in _first([one for one, _ in parts], N_ENCODED)])
    data = unlearned([one for one, _ in parts], np.concatenate([snr for _, snr in parts]))
    with threads(1):
        figures = measure_consistency(model.vae, data, model.card["active_latents"], seed, _N_INTERVAL)
    return {"n_encoded": len(units), "active_units": int(np.sum(units.mean(axis=0) > ACTIVE_NAT)), **figures}


def _first(parts: list[Spectra], n_most: int) -> list[Spectra]:
    kept = []
    for part in parts:
        kept.append(part[: max(n_most, 0)])
        n_most -= len(part)
    return [part for part in kept if len(part)]


def _divergence(model: Model, spectra: Spectra) -> Any:
    """KL of each latent of each spectrum, (n_spec, n_latent) [nat]."""
    found = encode(model, spectra)
    return kl_units(torch.from_numpy(found.latent), torch.from_numpy(found.latent_sigma).log()).numpy()
