"""The objects of a run: one coadd a target, every row of the input accounted for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.desi.catalogs import (
    DEFAULTS,
    QsoCatalog,
    Rows,
    coadd_rows,
    find_rows,
    join_rows,
    mix,
    pixel_keys,
    qso_catalog,
    redrock_rows,
    zcatalog_chunks,
)
from oddqso.desi.params import SampleParams
from oddqso.desi.paths import Inputs, healpix_file
from oddqso.errors import DataError
from oddqso.spectra import Quality

SPLITS: Final = ("FIT", "CALIBRATION", "TEST")

GOOD_FIBER: Final = (0, 1 << 22, 1 << 23, 1 << 24)
"""COADD_FIBERSTATUS of a usable fiber: no bit, or one bad amplifier, which leaves two arms."""


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """One cut, and how many rows went in and came out.

    Parameters
    ----------
    name, description : str
        A few words, and a sentence.
    n_in, n_out : int
        Rows before and after; each step begins with what the one before left.
    n_flagged : int
        Rows that got a `Quality` bit here and went on.
    strict : bool
        True for the cuts that lead from the permissive sample to the strict one.
    """

    name: str
    description: str
    n_in: int
    n_out: int
    n_flagged: int = 0
    strict: bool = False


def make_sample(inputs: Inputs, params: SampleParams) -> tuple[pa.Table, list[WaterfallStep]]:
    """The permissive sample of an input folder, and the waterfall that leads to it and on to the strict sample.

    Redshifts come from the redshift catalog of the production; for coadds that it does not cover, from the redrock file
    beside them; for coadds without one, from the quasar catalogs, by TARGETID. A quasar catalog's Z takes precedence.
    Coadds per tile get the survey "tile", the program "none" and the sky pixel of the target's position.

    Of several coadds of a target one is taken: the primary one of the catalog if it is there; then ZWARN 0 before
    others, the largest TSNR2_LRG, the most exposures, and the order of survey, program, sky pixel and file.

    A row whose sky pixel has no folder in the input is left out (a part of a release may come with the whole
    catalog); one whose folder is there but whose coadd is not goes on with `Quality.NO_SPECTRUM`.

    Parameters
    ----------
    inputs : Inputs
        From `find_inputs`.
    params : SampleParams
        Cuts and splits.

    Returns
    -------
    pa.Table
        One row an object, sorted by SHARD and TARGETID.
    list of WaterfallStep
        In order; ``n_out`` of one is ``n_in`` of the next.

    Raises
    ------
    DataError
        If a catalog cannot be read (all that cannot are named), or no object is left.
    """
    quasars = qso_catalog([inputs.root / f for f in inputs.qso_catalogs])
    cuts = _Cuts(quasars, params)
    rows = join_rows([kept for part in _sources(inputs, quasars) if len((kept := cuts(part))["TARGETID"])])
    steps = cuts.steps()
    if inputs.n_tile_coadds_ignored:
        aside = f"; {inputs.n_tile_coadds_ignored} coadds per tile repeat them and were left aside"
        steps[0] = replace(steps[0], description=steps[0].description + aside)
    rows = _take_qso_catalog(rows, quasars) if params.qso_catalog_z else rows
    quality = np.where(np.isin(rows["COADD_FIBERSTATUS"], GOOD_FIBER), 0, Quality.BAD_FIBER).astype(np.uint32)
    quality |= np.where(rows["ZWARN"] != 0, Quality.ZWARN, 0).astype(np.uint32)
    steps.append(_flag("fiber status", "COADD_FIBERSTATUS is 0 or one bad amplifier; others are flagged",
                       rows, quality, Quality.BAD_FIBER))  # fmt: skip

    files, present = _files_of(rows, inputs)
    steps.append(_cut("in the folder", "the sky pixel has a folder in the input", rows, present))
    rows, quality, files = _take(rows, present), quality[present], files[present]
    quality |= np.where(rows["COADD"] < 0, Quality.NO_SPECTRUM, 0).astype(np.uint32)
    steps.append(_flag("coadd present", "the coadd file is there; others are flagged", rows, quality,
                       Quality.NO_SPECTRUM))  # fmt: skip

    chosen, several = _one_coadd_each(rows, files)
    quality |= np.where(several, Quality.SEVERAL_COADDS, 0).astype(np.uint32)
    steps.append(_cut("one coadd a target", "the primary coadd of each target; targets with several are flagged", rows,
                      chosen, int((several & chosen).sum())))  # fmt: skip
    rows, quality, files = _take(rows, chosen), quality[chosen], files[chosen]
    if not len(files):
        raise DataError(_nothing_left(inputs, steps))
    strict = _strict(rows, quality, params, steps)
    return _table(rows, quality, files, strict, params), steps


def split_of(target_id: NDArray[np.int64], params: SampleParams) -> NDArray[np.int8]:
    """The split of each target, as a place in `SPLITS`: a hash of TARGETID and the salt, nothing else.

    Examples
    --------
    >>> ids = np.arange(10_000)
    >>> shares = np.bincount(split_of(ids, SampleParams())) / len(ids)
    >>> bool(np.allclose(shares, [0.20, 0.25, 0.55], atol=0.02))
    True
    """
    salt = np.uint64(int.from_bytes(blake2b(params.salt.encode(), digest_size=8).digest(), "little"))
    uniform = mix(mix(target_id.astype(np.int64).view(np.uint64)) ^ salt) / 2.0**64
    edges = np.array([params.fit_fraction, params.fit_fraction + params.calibration_fraction])
    return np.searchsorted(edges, uniform, side="right").astype(np.int8)


def _sources(inputs: Inputs, quasars: QsoCatalog) -> Iterator[Rows]:
    """The rows of all sources, in chunks; a coadd's targets come from one source."""
    bad: list[str] = []
    covered = np.zeros(len(inputs.coadds), np.bool_)
    places = _Places(inputs)
    for file, production in inputs.zcatalogs:
        try:
            for rows in zcatalog_chunks(inputs.root / file):
                rows["COADD"] = places.find(rows, production)
                covered[rows["COADD"][rows["COADD"] >= 0]] = True
                yield rows
        except DataError as error:
            bad.append(str(error))
    for index, coadd in enumerate(inputs.coadds):
        if covered[index]:
            continue
        try:
            if coadd.redrock is not None:
                yield redrock_rows(inputs.root, coadd, index)
            else:
                yield _with_qso_redshifts(coadd_rows(inputs.root, coadd, index), quasars)
        except DataError as error:
            bad.append(str(error))
    if bad:
        raise DataError("\n".join(bad))


class _Places:
    """From (production, survey, program, sky pixel) to a place in ``Inputs.coadds``."""

    def __init__(self, inputs: Inputs) -> None:
        named = [i for i, c in enumerate(inputs.coadds) if c.healpix is not None]
        self._index = np.array(named, np.int32)
        coadds = [inputs.coadds[i] for i in named]
        self._production = np.array([c.production for c in coadds], object)
        self._key = pixel_keys(
            np.array([str(c.survey).encode() for c in coadds], "S8"),
            np.array([str(c.program).encode() for c in coadds], "S8"),
            np.array([c.healpix for c in coadds], np.int64),
        )
        self._sorted: dict[str, tuple[NDArray[np.int64], NDArray[np.int32]]] = {}

    def find(self, rows: Rows, production: str) -> NDArray[np.int32]:
        """The coadd of each row, -1 where the folder has none."""
        if production not in self._sorted:
            same = np.array([production in ("", p) or p == "" for p in self._production], np.bool_)
            key, first = np.unique(self._key[same].view(np.int64), return_index=True)
            self._sorted[production] = key, self._index[same][first]
        key, index = self._sorted[production]
        wanted = pixel_keys(rows["SURVEY"], rows["PROGRAM"], rows["HEALPIX"]).view(np.int64)
        found, row = find_rows(key, wanted)
        return np.where(found, index[row], -1).astype(np.int32) if len(key) else np.full(len(wanted), -1, np.int32)


def _with_qso_redshifts(rows: Rows, quasars: QsoCatalog) -> Rows:
    """Give targets the columns that only the quasar catalog has for them; others keep no redshift."""
    found, row = quasars.find(rows["TARGETID"])
    for name in ("Z", "ZERR", "ZWARN", "SPECTYPE", "SUBTYPE", "DELTACHI2"):
        rows[name] = np.where(found, quasars.rows[name][row], rows[name]) if len(quasars.rows["Z"]) else rows[name]
    for name in ("TARGET_RA", "TARGET_DEC", "EBV"):
        if len(quasars.rows["Z"]):
            rows[name] = np.where(found & ~np.isfinite(rows[name]), quasars.rows[name][row], rows[name])
    return rows


def _take_qso_catalog(rows: Rows, quasars: QsoCatalog) -> Rows:
    """Rows with the redshift of the quasar catalog, where it has them."""
    found, row = quasars.find(rows["TARGETID"])
    if not found.any():
        return rows
    taken = dict(rows)
    for name in ("Z", "ZERR"):
        value = quasars.rows[name][row]
        taken[name] = np.where(found & np.isfinite(value), value, rows[name])
    return taken


@dataclass
class _Cuts:
    """The cuts that look at one row at a time, with their counts over all chunks."""

    quasars: QsoCatalog
    params: SampleParams
    counts: list[int] = field(default_factory=lambda: [0] * 6)

    def __call__(self, rows: Rows) -> Rows:
        keep = np.ones(len(rows["TARGETID"]), np.bool_)
        self.counts[0] += len(keep)
        for i, (_, _, passes) in enumerate(self.declared()):
            keep &= passes(rows)
            self.counts[i + 1] += int(keep.sum())
        return _take(rows, keep)

    def declared(self) -> list[tuple[str, str, Callable[[Rows], NDArray[np.bool_]]]]:
        """Name, description and test of each cut, in order."""
        allowed = " or ".join(str(i) for i in self.params.zwarn_allowed)
        return [
            ("redshift known", "a catalog has a finite Z for the target", lambda r: np.isfinite(r["Z"])),
            ("TARGETID > 0", "negative numbers are stuck fibers and some sky", lambda r: r["TARGETID"] > 0),
            ("target", "OBJTYPE is TGT, neither sky nor a bad fiber", lambda r: np.asarray(r["OBJTYPE"] == b"TGT")),
            ("quasar", "SPECTYPE is QSO, or the target stands in the quasar catalog",
             lambda r: (r["SPECTYPE"] == b"QSO") | self.quasars.find(r["TARGETID"])[0]),
            (f"ZWARN {allowed}", "other warnings mean that there is no usable redshift",
             lambda r: np.isin(r["ZWARN"], self.params.zwarn_allowed)),
        ]  # fmt: skip

    def steps(self) -> list[WaterfallStep]:
        steps = [
            WaterfallStep("rows found", "rows of catalogs, redrock files and coadds", self.counts[0], self.counts[0])
        ]
        for i, (name, description, _) in enumerate(self.declared()):
            steps.append(WaterfallStep(name, description, self.counts[i], self.counts[i + 1]))
        return steps


def _files_of(rows: Rows, inputs: Inputs) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The coadd file of each row, and whether the folder of its sky pixel is there."""
    names = np.array([c.file for c in inputs.coadds] + [""], object)
    files, present = names[rows["COADD"]], rows["COADD"] >= 0
    absent = np.flatnonzero(~present)
    productions = sorted({p for _, p in inputs.zcatalogs})
    expected: dict[tuple[bytes, bytes, int], str] = {}
    for i in absent:
        key = (rows["SURVEY"][i], rows["PROGRAM"][i], int(rows["HEALPIX"][i]))
        if key not in expected:
            below = healpix_file(key[0].decode(), key[1].decode(), key[2])
            found = (f"{p}/{below}".removeprefix("/") for p in productions)
            expected[key] = next((f for f in found if (inputs.root / f).parent.is_dir()), "")
        files[i], present[i] = expected[key], expected[key] != ""
    return files, present


def _one_coadd_each(rows: Rows, files: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are taken, and which belong to targets with several coadds."""
    n_rows = len(files)
    file_order = np.unique(files.astype(str), return_inverse=True)[1] if n_rows else np.zeros(0, np.int64)
    order = np.lexsort(
        (file_order, rows["HEALPIX"], rows["PROGRAM"], rows["SURVEY"], -rows["COADD_NUMEXP"], -rows["TSNR2_LRG"],
         rows["ZWARN"] != 0, ~rows["ZCAT_PRIMARY"], rows["COADD"] < 0, rows["TARGETID"])
    )  # fmt: skip
    target = rows["TARGETID"][order]
    first = np.ones(n_rows, np.bool_)
    first[1:] = target[1:] != target[:-1]
    group = np.cumsum(first) - 1
    lead_file = file_order[order][first][group] if n_rows else file_order
    in_several = np.bincount(group, weights=file_order[order] != lead_file) > 0 if n_rows else first
    chosen, several = np.zeros(n_rows, np.bool_), np.zeros(n_rows, np.bool_)
    chosen[order], several[order] = first, in_several[group] if n_rows else first
    return chosen, several


def _strict(
    rows: Rows, quality: NDArray[np.uint32], params: SampleParams, steps: list[WaterfallStep]
) -> NDArray[np.bool_]:
    """Which objects are strict; the cuts are added to the steps."""
    cuts = (
        ("spectrum there", "the coadd file is there", quality & Quality.NO_SPECTRUM == 0),
        ("ZWARN 0", "no warning at all", rows["ZWARN"] == 0),
        ("COADD_FIBERSTATUS 0", "no trouble with the fiber", rows["COADD_FIBERSTATUS"] == 0),
        (f"DELTACHI2 > {params.deltachi2_min:g}", "a redshift without a rival; passes where the column is missing",
         rows["DELTACHI2"] > params.deltachi2_min),
    )  # fmt: skip
    strict = np.ones(len(quality), np.bool_)
    for name, description, passes in cuts:
        n_in = int(strict.sum())
        strict &= passes
        steps.append(WaterfallStep(name, description, n_in, int(strict.sum()), strict=True))
    return strict


def _table(
    rows: Rows, quality: NDArray[np.uint32], files: NDArray[Any], strict: NDArray[np.bool_], params: SampleParams
) -> pa.Table:
    survey, program = (np.char.decode(rows[name], "ascii") for name in ("SURVEY", "PROGRAM"))
    coarse = rows["HEALPIX"] // 16
    shard = [f"{s}-{p}-{'none' if h < 0 else h}" for s, p, h in zip(survey, program, coarse, strict=True)]
    deltachi2 = np.where(np.isposinf(rows["DELTACHI2"]), np.nan, rows["DELTACHI2"])
    splits = np.array(SPLITS, object)[split_of(rows["TARGETID"], params)]
    columns = {
        "TARGETID": rows["TARGETID"], "SURVEY": pa.array(survey.tolist(), pa.string()),
        "PROGRAM": pa.array(program.tolist(), pa.string()), "HEALPIX": rows["HEALPIX"],
        "FILE": pa.array(files.tolist(), pa.string()), "RA": rows["TARGET_RA"], "DEC": rows["TARGET_DEC"],
        "Z": rows["Z"], "ZERR": rows["ZERR"], "ZWARN": rows["ZWARN"],
        "SPECTYPE": pa.array(np.char.decode(rows["SPECTYPE"], "latin-1").tolist(), pa.string()),
        "SUBTYPE": pa.array(np.char.decode(rows["SUBTYPE"], "latin-1").tolist(), pa.string()),
        "DELTACHI2": deltachi2, "COADD_FIBERSTATUS": rows["COADD_FIBERSTATUS"], "EBV": rows["EBV"],
        "NUM_EXP": rows["COADD_NUMEXP"], "STRICT": strict, "SPLIT": pa.array(splits.tolist(), pa.string()),
        "QUALITY": quality, "SHARD": pa.array(shard, pa.string()),
    }  # fmt: skip
    table = pa.table(columns)
    return table.sort_by([("SHARD", "ascending"), ("TARGETID", "ascending")])


def _take(rows: Rows, keep: NDArray[np.bool_]) -> Rows:
    return {name: rows[name][keep] for name in DEFAULTS}


def _cut(name: str, description: str, rows: Rows, keep: NDArray[np.bool_], n_flagged: int = 0) -> WaterfallStep:
    return WaterfallStep(name, description, len(rows["TARGETID"]), int(keep.sum()), n_flagged)


def _flag(name: str, description: str, rows: Rows, quality: NDArray[np.uint32], bit: Quality) -> WaterfallStep:
    n_rows = len(rows["TARGETID"])
    return WaterfallStep(name, description, n_rows, n_rows, int((quality & bit != 0).sum()))


def _nothing_left(inputs: Inputs, steps: list[WaterfallStep]) -> str:
    words = ", ".join(f"{step.name}: {step.n_out}" for step in steps)
    return (
        f"no quasar of {inputs.root} is left in the sample ({words}); the first 0 tells which cut took the last row, "
        "check that column of the catalog"
    )
