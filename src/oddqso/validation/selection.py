"""The selection function: which share of a class a run flags, as a file that rates can be made from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from oddqso.errors import ConfigError, StoreError

_KEY = b"oddqso_selection"
FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Efficiency of a run by class, amplitude, S/N and redshift, for one or more cuts.

    Parameters
    ----------
    cells : pa.Table
        CUT, CLASS, SNR_BIN, Z_BIN, AMPLITUDE_BIN, N, N_FLAGGED; one row a cell that holds any injection.
    header : dict
        ``classes`` (by name: ``amplitude``, ``low``, ``high``, ``z_min``, ``z_max``, ``held_back``), ``cuts`` (with
        their counts), ``snr_edges``, ``z_edges``, ``amplitude_bins``, ``min_cell``, and ``provenance``.
    """

    cells: pa.Table
    header: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.header["classes"])

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the cuts."""
        return tuple(cut["name"] for cut in self.header["cuts"])

    def efficiency(
        self, name: str, amplitude: ArrayLike, snr: ArrayLike, z: ArrayLike | None = None, cut: str = "FPR 1%"
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Share that is flagged, and its Jeffreys 95 % interval; arrays of the broadcast shape.

        Parameters
        ----------
        name : str
            The class.
        amplitude, snr, z : float or array
            Amplitude of the anomaly, median S/N of a pixel and true redshift of the spectrum it is in; without z, over
            all redshifts of the hosts. They are broadcast against each other.
        cut : str
            Which of `cuts`.

        Returns
        -------
        value, low, high : float64 arrays
            The counts of the cell that each falls into. NaN outside the class's range of amplitudes or redshifts, and
            where the cell holds fewer than ``min_cell`` injections: nothing was measured there.

        Raises
        ------
        ConfigError
            If there is no such class or cut.
        """
        n, flagged, index, known = self._cells(name, amplitude, snr, z, cut)
        n, flagged = n[index], flagged[index]
        value = np.where(known, flagged / np.maximum(n, 1), np.nan)
        low = np.where(flagged > 0, stats.beta.ppf(0.025, flagged + 0.5, n - flagged + 0.5), 0.0)
        high = np.where(flagged < n, stats.beta.ppf(0.975, flagged + 0.5, n - flagged + 0.5), 1.0)
        return value, np.where(known, low, np.nan), np.where(known, high, np.nan)

    def draw(
        self, rng: np.random.Generator, name: str, amplitude: ArrayLike, snr: ArrayLike, z: ArrayLike | None = None,
        cut: str = "FPR 1%",
    ) -> NDArray[np.float64]:  # fmt: skip
        """An efficiency out of Jeffreys' posterior, to carry its error on: one draw a cell, so that it is shared.

        Parameters as those of `efficiency`, after the generator; NaN where that is NaN.
        """
        n, flagged, index, known = self._cells(name, amplitude, snr, z, cut)
        return np.where(known, rng.beta(flagged + 0.5, n - flagged + 0.5)[index], np.nan)

    def _cells(
        self, name: str, amplitude: ArrayLike, snr: ArrayLike, z: ArrayLike | None, cut: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], tuple[Any, ...], NDArray[np.bool_]]:
        """Counts and flagged ones by cell; which cell each falls into, and whether anything is known there."""
        if name not in self.header["classes"]:
            raise ConfigError(f"no class {name!r} in the selection function; it has {', '.join(self.classes)}")
        if cut not in self.cuts:
            raise ConfigError(f"no cut {cut!r} in the selection function; it has {', '.join(self.cuts)}")
        facts = self.header["classes"][name]
        a, s = np.asarray(amplitude, np.float64), np.asarray(snr, np.float64)
        known = np.isfinite(a) & np.isfinite(s) & (a >= facts["low"]) & (a <= facts["high"]) & (s > 0)
        n, flagged = self._counts(name, cut)
        place_a = amplitude_bin(np.where(known, a, facts["low"]), facts, self.header["amplitude_bins"])
        place_s = np.searchsorted(self.header["snr_edges"], s, side="right")
        if z is None:
            n, flagged = n.sum(axis=1), flagged.sum(axis=1)
            index: tuple[Any, ...] = np.broadcast_arrays(place_s, place_a)
        else:
            zs = np.asarray(z, np.float64)
            known = known & np.isfinite(zs) & (zs >= facts["z_min"]) & (zs <= facts["z_max"])
            index = np.broadcast_arrays(place_s, np.searchsorted(self.header["z_edges"], zs, side="right"), place_a)
        return n, flagged, tuple(index), known & (n[tuple(index)] >= self.header["min_cell"])

    def _counts(self, name: str, cut: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        shape = len(self.header["snr_edges"]) + 1, len(self.header["z_edges"]) + 1, self.header["amplitude_bins"]
        counts = np.zeros((2, *shape), np.int64)
        mine = self.cells.filter(pc.and_(pc.equal(self.cells["CLASS"], name), pc.equal(self.cells["CUT"], cut)))
        place = tuple(mine[key].to_numpy() for key in ("SNR_BIN", "Z_BIN", "AMPLITUDE_BIN"))
        counts[0][place], counts[1][place] = mine["N"].to_numpy(), mine["N_FLAGGED"].to_numpy()
        return counts[0], counts[1]

    def write(self, path: Path) -> None:
        """Write it as Parquet, the header as JSON in the schema's metadata."""
        table = self.cells.replace_schema_metadata({_KEY: json.dumps(self.header | {"format": FORMAT}).encode()})
        pq.write_table(table, path)

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        StoreError
            If there is no such file, or it is no selection function.
        """
        try:
            table = pq.read_table(path)
        except FileNotFoundError:
            raise StoreError(f"{path} is not there; make it with `oddqso inject --run RUN`") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"{path} is no selection function ({error}); make it with `oddqso inject`") from error
        header = json.loads((table.schema.metadata or {}).get(_KEY, b"null"))
        if header is None:
            raise StoreError(f"{path} has no header of a selection function; name RUN/efficiency/selection.parquet")
        if header.get("format") != FORMAT:
            raise StoreError(f"{path} is of format {header.get('format')}, this oddqso reads {FORMAT}; make it again")
        return cls(table.replace_schema_metadata(None), header)


def amplitude_bin(amplitude: NDArray[Any], facts: dict[str, Any], n_bin: int) -> NDArray[np.int64]:
    """In which of the even logarithmic bins of the class's range each amplitude falls."""
    place = n_bin * np.log(amplitude / facts["low"]) / np.log(facts["high"] / facts["low"])
    return np.asarray(np.clip(place.astype(np.int64), 0, n_bin - 1))


def make_selection(
    name: NDArray[Any], amplitude: NDArray[Any], snr_place: NDArray[np.int64], z: NDArray[Any],
    flagged: dict[str, NDArray[np.bool_]], header: dict[str, Any],
) -> Selection:  # fmt: skip
    """Count injections in cells.

    Parameters
    ----------
    name, amplitude, snr_place, z : (n,) arrays
        Class, amplitude, S/N bin and redshift of each injection.
    flagged : dict of str to (n,) bool
        By the name of the cut.
    header : dict
        As in `Selection`.

    Examples
    --------
    >>> header = {"classes": {"bal": {"amplitude": "depth", "low": 0.1, "high": 1.0, "z_min": 1.0, "z_max": 5.0}},
    ...           "cuts": [{"name": "FPR 1%"}], "snr_edges": [2.0], "z_edges": [2.0], "amplitude_bins": 1,
    ...           "min_cell": 2}
    >>> selection = make_selection(np.array(["bal"] * 4), np.full(4, 0.5), np.ones(4, np.int64), np.full(4, 2.5),
    ...                            {"FPR 1%": np.array([True, True, True, False])}, header)
    >>> [round(float(x), 2) for x in selection.efficiency("bal", 0.5, 3.0, 2.4)]
    [0.75, 0.28, 0.97]
    >>> float(selection.efficiency("bal", 0.5, 1.0)[0])
    nan
    """
    rows: dict[str, list[Any]] = {
        key: [] for key in ("CUT", "CLASS", "SNR_BIN", "Z_BIN", "AMPLITUDE_BIN", "N", "N_FLAGGED")
    }
    n_a, n_z = header["amplitude_bins"], len(header["z_edges"]) + 1
    place_z = np.searchsorted(header["z_edges"], z, side="right")
    for each, facts in header["classes"].items():
        here = name == each
        cell = (snr_place[here] * n_z + place_z[here]) * n_a + amplitude_bin(amplitude[here], facts, n_a)
        cells, inverse, counts = np.unique(cell, return_inverse=True, return_counts=True)
        for cut, found in flagged.items():
            hits = np.bincount(inverse, weights=found[here], minlength=len(cells)).astype(np.int64)
            rows["CUT"] += [cut] * len(cells)
            rows["CLASS"] += [each] * len(cells)
            rows["SNR_BIN"] += (cells // (n_z * n_a)).tolist()
            rows["Z_BIN"] += (cells // n_a % n_z).tolist()
            rows["AMPLITUDE_BIN"] += (cells % n_a).tolist()
            rows["N"] += counts.tolist()
            rows["N_FLAGGED"] += hits.tolist()
    schema = pa.schema(
        [("CUT", pa.string()), ("CLASS", pa.string())]
        + [(key, pa.int64()) for key in ("SNR_BIN", "Z_BIN", "AMPLITUDE_BIN", "N", "N_FLAGGED")]
    )
    return Selection(pa.table(rows, schema=schema), header)


def read_selection(path: Path | str) -> Selection:
    """The selection function of a run, from ``RUN/efficiency/selection.parquet``.

    Raises
    ------
    StoreError
        If there is no such file, or it is no selection function.
    """
    return Selection.read(path)
