"""Which anomaly is planted into which spectrum, and how strong."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.simulation.injection import Injection
from oddqso.simulation.injections import INJECTIONS, injection_named
from oddqso.simulation.probes import PROBES
from oddqso.validation.params import InjectParams

TWIN: Final = "null_twin"
"""The class of a spectrum turned upside down around its reconstruction."""
LEAST: Final = 1 / 30
"""A range of amplitudes that begins at zero is taken from this share of its upper end."""


@dataclass(frozen=True, slots=True, eq=False)
class Hosts:
    """Spectra that may be planted into.

    Parameters
    ----------
    target_id : (n_spec,) int64
    z, snr : (n_spec,) float64
        Redshift, and median S/N of a pixel.
    """

    target_id: NDArray[np.int64]
    z: NDArray[np.float64]
    snr: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.target_id)


def chosen(params: InjectParams) -> tuple[Injection, ...]:
    """The classes and probes that are asked for.

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> [injection.name for injection in chosen(InjectParams(classes=("bal", "narrow_feature")))]
    ['bal', 'narrow_feature']
    """
    if not params.classes:
        return (*INJECTIONS, *PROBES)
    return tuple(injection_named(name) for name in dict.fromkeys(params.classes))


def amplitude_range(injection: Injection) -> tuple[float, float]:
    """The amplitudes between which a class is planted, evenly in the logarithm."""
    return max(injection.low, LEAST * injection.high), injection.high


def snr_bin(snr: NDArray[Any], params: InjectParams) -> NDArray[np.int64]:
    """In which S/N bin each spectrum falls: 0 below the first edge."""
    return np.searchsorted(params.snr_edges, snr, side="right").astype(np.int64)


def snr_names(params: InjectParams) -> list[str]:
    """The S/N bins in words.

    Examples
    --------
    >>> snr_names(InjectParams())
    ['S/N < 1', 'S/N 1-2', 'S/N 2-5', 'S/N > 5']
    """
    edges = [f"{edge:g}" for edge in params.snr_edges]
    if not edges:
        return ["all S/N"]
    middle = [f"S/N {low}-{high}" for low, high in pairwise(edges)]
    return [f"S/N < {edges[0]}", *middle, f"S/N > {edges[-1]}"]


def plan_injections(hosts: Hosts, params: InjectParams, rng: np.random.Generator) -> pa.Table:
    """Injections for each class and S/N bin, hosts by chance, amplitudes evenly in the logarithm.

    Parameters
    ----------
    hosts : Hosts
        Ordinary held-out spectra.
    params : InjectParams
        Settings.
    rng : Generator
        Each class draws from a generator of its own, so that leaving one out changes no other.

    Returns
    -------
    pa.Table
        TARGETID, CLASS, AMPLITUDE, SNR_BIN, KEY (the seed of the injection's own parameters). A bin with too few hosts
        at the class's redshifts has fewer rows than were asked for, or none.

    Examples
    --------
    >>> hosts = Hosts(np.arange(50), np.full(50, 2.0), np.full(50, 3.0))
    >>> plan = plan_injections(hosts, InjectParams(classes=("bal",), per_bin=20), np.random.default_rng(1))
    >>> plan.num_rows, set(plan["SNR_BIN"].to_pylist())
    (20, {2})
    """
    bins = snr_bin(hosts.snr, params)
    wanted = set(chosen(params))
    parts: list[dict[str, Any]] = []
    for injection, stream in zip((*INJECTIONS, *PROBES), rng.spawn(len(INJECTIONS) + len(PROBES)), strict=True):
        if injection not in wanted:
            continue
        fits = (hosts.z >= injection.z_min) & (hosts.z <= injection.z_max)
        for k in range(len(params.snr_edges) + 1):
            rows = np.flatnonzero(fits & (bins == k))
            fixed: Sequence[float | None] = (None, *(params.probe_sigmas if injection in PROBES else ()))
            for value in fixed:
                host = _hosts(rows, params, stream)
                amplitude = _amplitudes(injection, len(host), stream) if value is None else np.full(len(host), value)
                keys = stream.integers(1 << 62, size=len(host))
                parts.append(
                    {
                        "TARGETID": hosts.target_id[host], "CLASS": [injection.name] * len(host),
                        "AMPLITUDE": amplitude, "SNR_BIN": np.full(len(host), k), "KEY": keys,
                    }
                )  # fmt: skip
    schema = pa.schema(
        {
            "TARGETID": pa.int64(),
            "CLASS": pa.string(),
            "AMPLITUDE": pa.float64(),
            "SNR_BIN": pa.int64(),
            "KEY": pa.int64(),
        }
    )
    return pa.concat_tables([schema.empty_table(), *(pa.table(part, schema=schema) for part in parts)]).combine_chunks()


def _hosts(rows: NDArray[np.intp], params: InjectParams, rng: np.random.Generator) -> NDArray[np.intp]:
    """``per_bin`` of the rows at random, each once before any is taken again."""
    n = min(params.per_bin, len(rows) * params.max_reuse)
    rounds = [rng.permutation(rows) for _ in range(-(-n // len(rows)))] if n else []
    return np.concatenate([rows[:0], *rounds])[:n]


def _amplitudes(injection: Injection, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Amplitudes, one in each of ``n`` equal steps of the logarithm, in random order."""
    low, high = amplitude_range(injection)
    place = (rng.permutation(n) + rng.uniform(size=n)) / max(n, 1)
    return np.asarray(low * (high / low) ** place)


def plan_twins(held_out: Hosts, params: InjectParams, rng: np.random.Generator) -> pa.Table:
    """At most ``n_twins`` of the held-out spectra, odd ones and all, as a plan of class `TWIN`."""
    rows = np.sort(rng.permutation(len(held_out))[: params.n_twins])
    return pa.table(
        {
            "TARGETID": held_out.target_id[rows],
            "CLASS": pa.array([TWIN] * len(rows), pa.string()),
            "AMPLITUDE": np.full(len(rows), 1.0),
            "SNR_BIN": snr_bin(held_out.snr[rows], params),
            "KEY": np.zeros(len(rows), np.int64),
        }
    )
