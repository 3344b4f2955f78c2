"""Planted anomalies in spectra as they were read: before anything was done to them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddqso.prepare.redden import dimming
from oddqso.simulation.injection import Draws, Injection, Kind
from oddqso.simulation.injections import inject
from oddqso.spectra import Spectra


def plant(
    hosts: Spectra, injections: Sequence[Injection], amplitude: NDArray[Any], key: NDArray[Any]
) -> tuple[Spectra, list[Draws]]:
    """The hosts with one anomaly each.

    What changes the light of the quasar acts in front of the Galaxy: the flux is freed of Galactic dust, changed, and
    dimmed again. What the instrument does acts on the flux as observed. A wrong redshift changes z alone.

    Parameters
    ----------
    hosts : Spectra
        On the native grid, in the units of the files, as the stage ingest makes them.
    injections : sequence of Injection
        One a host.
    amplitude : (n_spec,) float
        The amplitudes.
    key : (n_spec,) int
        Seeds of the other parameters and of the photon noise.

    Returns
    -------
    Spectra
        In the order of the hosts, with their TARGETIDs.
    list of dict
        The parameters that were drawn.

    Examples
    --------
    >>> from oddqso.simulation.injections import injection_named
    >>> from oddqso.spectra.grid import native_grid
    >>> wave, ones = native_grid(), np.ones((1, 7781), np.float32)
    >>> host = Spectra(np.array([5]), np.array([1.0]), np.zeros(1, np.float32), np.ones(1, np.float32),
    ...                np.zeros(1, np.uint32), wave, ones, 100 * ones)
    >>> dusty, draws = plant(host, [injection_named("reddened")], np.array([0.5]), np.array([1]))
    >>> bool(dusty.flux[0, :1000].mean() < 0.5), draws[0]["ebv"]
    (True, 0.5)
    """
    flux, ivar, z = hosts.flux.copy(), hosts.ivar.copy(), hosts.z.copy()
    drawn = []
    for i, injection in enumerate(injections):
        rng = np.random.default_rng(int(key[i]))
        dust = dimming(hosts.wave, float(hosts.ebv[i])) if injection.kind is Kind.LIGHT else np.ones(len(hosts.wave))
        new, weight, z[i], draws = inject(
            injection, hosts.wave, hosts.flux[i] * dust, hosts.ivar[i] / dust**2, float(hosts.z[i]), rng,
            amplitude=float(amplitude[i]),
        )  # fmt: skip
        if injection.kind is not Kind.LABEL:
            flux[i], ivar[i] = new / dust, weight * dust**2
        drawn.append(draws)
    return replace(hosts, flux=flux, ivar=ivar, z=z), drawn


def turned(hosts: Spectra, model: NDArray[np.float32]) -> Spectra:
    """The hosts upside down around their reconstruction: ``2 model - flux``, noise and oddities of the other sign.

    Parameters
    ----------
    hosts : Spectra
        As read.
    model : (n_spec, n_wave) float32
        Reconstruction on the same pixels in the same units; where there is none the flux stays.
    """
    return replace(hosts, flux=np.where(np.isfinite(model), 2 * model - hosts.flux, hosts.flux).astype(np.float32))


def as_words(draws: Draws) -> str:
    """Drawn parameters as JSON.

    Examples
    --------
    >>> as_words({"depth": np.float64(0.5), "starts": np.array([1.0])})
    '{"depth": 0.5, "starts": [1.0]}'
    """
    return json.dumps(draws, default=lambda value: value.tolist())
