"""Write the pixels of a simulated survey in the layout of DESI."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.desi.formats import (
    COADD_FIBERMAP,
    COADD_SCORES,
    EXP_FIBERMAP,
    REDSHIFTS,
    SPECTRA_FIBERMAP,
    SPECTRA_SCORES,
    TSNR2,
    ZCATALOG,
    record_dtype,
)
from oddqso.desi.mock_tables import Observation, draw_fibers, fill_catalog, fill_fibermap, fill_redshifts, fill_scores
from oddqso.desi.survey import KINDS, SPECPROD, PixelPlan, PixelRecord, SurveyParams
from oddqso.desi.write import (
    FLUX_UNIT,
    IVAR_UNIT,
    Block,
    Hdu,
    blocks_hdu,
    image_hdu,
    primary_hdu,
    table_hdu,
    write_fits,
)
from oddqso.errors import DataError, StoreError
from oddqso.simulation.injection import Kind
from oddqso.simulation.instrument import (
    coadd,
    draw_mask,
    draw_visit,
    expose,
    resolution,
    through_optics,
)
from oddqso.simulation.targets import Target, make_target
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import ARMS, arm_grid, native_grid

Records = NDArray[Any]

_TEMPLATES = (
    "GALAXY",
    "QSO:::LOZ",
    "QSO:::HIZ",
    *(f"STAR:::{kind}" for kind in ("A", "B", "CV", "F", "G", "K", "M", "WD")),
)


@dataclass(frozen=True, slots=True)
class Exposed:
    """The spectra of one target: the coadd of each arm, and its exposures where they are kept."""

    flux: list[NDArray[np.float32]]
    ivar: list[NDArray[np.float32]]
    mask: list[NDArray[np.int32]]
    exposures: list[list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]]]


def _kind_of(index: int, params: SurveyParams) -> tuple[str, bool, bool]:
    """The kind of a target, whether an anomaly is planted, and whether its redshift is wrong: by its number alone."""
    u, anomaly, wrong = np.random.default_rng([params.seed, 0, index]).uniform(size=3)
    shares = np.cumsum([params.quasar_fraction, params.galaxy_fraction, params.star_fraction, params.sky_fraction])
    kind = KINDS[int(np.searchsorted(shares, u, side="right"))]
    return kind, bool(anomaly < params.anomaly_fraction), bool(wrong < params.wrong_redshift_fraction)


def make_targets(plan: PixelPlan, params: SurveyParams) -> list[Target]:
    """The targets of a plan, those of another plan first."""
    targets = []
    for rank, index in enumerate(plan.indices.tolist()):
        kind, anomalous, wrong = _kind_of(index, params)
        rng = np.random.default_rng([params.seed, 1, index])
        # what the plan asks of its first targets: ordinary quasars, in every survey the same
        if (plan.empty_arm and rank < 4) or index in plan.shared or (plan.first == 0 and index < 14):
            kind, anomalous, wrong = ("quasar" if rank < 4 else kind), False, False
        targets.append(make_target(kind, rng, params.physics, anomalous=anomalous, wrong_redshift=wrong))
    return targets


def observe(target: Target, observed: Observation, params: SurveyParams, rng: np.random.Generator) -> Exposed:
    """Spectra of one target, exposure by exposure and coadded."""
    dust = 10 ** (-0.4 * observed.ebv * galactic_extinction(native_grid()))
    model = through_optics(target.model * dust, observed.fiber_kind)
    dead = target.kind == "stuck" or observed.no_data
    artifact = target.injection if target.injection is not None and target.injection.kind is Kind.PIXELS else None
    visits = [draw_visit(rng, params.noise, observed.noise) for _ in range(observed.n_visit)]
    fluxes: list[Any] = []
    ivars: list[Any] = []
    masks: list[Any] = []
    exposures: list[list[Any]] = [[] for _ in visits]
    for k, arm in enumerate(ARMS):
        wave, blind = arm_grid(arm), dead or arm == observed.missing_arm
        lasting = draw_mask(len(wave), rng, 0.75 * params.noise.masked_fraction)
        for number, visit in enumerate(visits):
            flux, ivar = expose(model, k, visit, rng)
            # a cosmic ray hits one exposure; what is wrong with the calibration is wrong in all of them
            if artifact is not None and artifact.pixels is not None and (number == 0 or artifact.name != "cosmic_ray"):
                changed, known = artifact.pixels(wave, flux.astype(np.float64), ivar.astype(np.float64), target.draws)
                flux, ivar = changed.astype(np.float32), known.astype(np.float32)
            mask = lasting | draw_mask(len(wave), rng, 0.25 * params.noise.masked_fraction)
            good = (mask == 0) & (not blind)
            exposures[number].append((np.where(good, flux, 0), np.where(good, ivar, 0), np.where(blind, 0, mask)))
        flux, ivar = coadd([one[k][0] for one in exposures], [one[k][1] for one in exposures])
        fluxes.append(flux)
        ivars.append(ivar)
        masks.append(np.bitwise_and.reduce([one[k][2] for one in exposures]))
    return Exposed(fluxes, ivars, masks, exposures if observed.in_spectra else [])


def observe_all(
    plan: PixelPlan, targets: list[Target], observed: list[Observation], params: SurveyParams
) -> list[Exposed]:
    """The spectra of all targets of a plan."""
    program = {"dark": 0, "bright": 1}[plan.program]
    return [
        observe(target, one, params, np.random.default_rng([params.seed, 2, program, plan.healpix, rank]))
        for rank, (target, one) in enumerate(zip(targets, observed, strict=True))
    ]


def _image_hdus(
    arm: str, flux: Records, ivar: Records, mask: Records, fibers: list[int], with_resolution: bool
) -> Iterator[Hdu]:
    """The five HDUs of an arm; flux, ivar and mask are (n_row, n_wave)."""
    yield image_hdu(f"{arm}_WAVELENGTH", arm_grid(arm), "Angstrom")
    yield image_hdu(f"{arm}_FLUX", flux, FLUX_UNIT)
    yield image_hdu(f"{arm}_IVAR", ivar, IVAR_UNIT)
    yield image_hdu(f"{arm}_MASK", mask)
    if with_resolution:
        kinds = {kind: Block.of(resolution(arm, kind)) for kind in sorted(set(fibers))}
        shape = (len(fibers), *resolution(arm, fibers[0]).shape)
        yield blocks_hdu(f"{arm}_RESOLUTION", np.dtype("f4"), shape, (kinds[kind] for kind in fibers))


def _write_coadd(
    path: Path,
    plan: PixelPlan,
    tables: dict[str, Records],
    exposed: list[Exposed],
    fibers: list[int],
    params: SurveyParams,
) -> None:
    def hdus() -> Iterator[Hdu]:
        yield primary_hdu(plan.survey, plan.program, plan.healpix, [("INFIL000", f"spectra-{plan.name}.fits.gz")])
        yield table_hdu("FIBERMAP", COADD_FIBERMAP, tables["FIBERMAP"])
        yield table_hdu("EXP_FIBERMAP", EXP_FIBERMAP, tables["EXP_FIBERMAP"])
        for k, arm in enumerate(ARMS):
            flux, ivar, mask = (
                np.stack([getattr(one, name)[k] for one in exposed]) for name in ("flux", "ivar", "mask")
            )
            yield from _image_hdus(arm, flux, ivar, mask, fibers, params.resolution)
        yield table_hdu("SCORES", COADD_SCORES, tables["SCORES"])

    write_fits(path, hdus())


def _write_spectra(
    path: Path,
    plan: PixelPlan,
    tables: dict[str, Records],
    exposed: list[Exposed],
    observed: list[Observation],
    params: SurveyParams,
) -> None:
    """The exposures of the targets that keep them, gzipped."""
    chosen = [k for k, one in enumerate(observed) if one.in_spectra]
    rows = [(k, number) for k in chosen for number in range(len(exposed[k].exposures))]
    exp_rows = np.concatenate([[0], np.cumsum([one.n_visit for one in observed])])
    source = np.array([exp_rows[k] + number for k, number in rows])
    fibermap = np.zeros(len(rows), record_dtype(SPECTRA_FIBERMAP))
    for table, take in ((tables["FIBERMAP"], np.array([k for k, _ in rows])), (tables["EXP_FIBERMAP"], source)):
        for name in table.dtype.names or ():
            if name in (fibermap.dtype.names or ()):
                fibermap[name] = table[name][take]
    scores = np.zeros(len(rows), record_dtype(SPECTRA_SCORES))
    scores["TARGETID"] = fibermap["TARGETID"]
    for arm in ARMS:
        for row, (k, number) in enumerate(rows):
            flux, ivar, _ = exposed[k].exposures[number][ARMS.index(arm)]
            scores[f"MEDIAN_CALIB_COUNT_{arm}"][row] = np.median(flux)
            scores[f"SUM_CALIB_COUNT_{arm}"][row] = np.sum(flux, dtype=np.float64)
            scores[f"MEDIAN_CALIB_SNR_{arm}"][row] = np.median(flux * np.sqrt(ivar))
            scores[f"TSNR2_LRG_{arm}"][row] = tables["SCORES"][f"TSNR2_LRG_{arm}"][k] / observed[k].n_visit

    def hdus() -> Iterator[Hdu]:
        yield primary_hdu(plan.survey, plan.program, plan.healpix)
        yield table_hdu("FIBERMAP", SPECTRA_FIBERMAP, fibermap)
        for a, arm in enumerate(ARMS):
            pixels = [[exposed[k].exposures[number][a][part] for k, number in rows] for part in range(3)]
            flux, ivar, mask = (np.stack(rows_of_part) for rows_of_part in pixels)
            fibers = [observed[k].fiber_kind for k, _ in rows]
            yield from _image_hdus(arm, flux, ivar, mask, fibers, params.resolution)
        yield table_hdu("SCORES", SPECTRA_SCORES, scores)

    write_fits(path, hdus())


def _write_redrock(path: Path, plan: PixelPlan, tables: dict[str, Records]) -> None:
    cards: list[tuple[str, Any]] = [("RRVER", "0.17.2")]
    for number, name in enumerate(_TEMPLATES):
        version = "2.6" if name == "GALAXY" else "1.0" if name.startswith("QSO") else "0.1"
        cards += [(f"TEMNAM{number:02d}", name), (f"TEMVER{number:02d}", version)]
    tsnr = np.zeros(len(tables["SCORES"]), record_dtype(f"TARGETID K|{TSNR2}"))
    for name in tsnr.dtype.names or ():
        tsnr[name] = tables["SCORES"][name]
    write_fits(
        path,
        [
            primary_hdu(plan.survey, plan.program, plan.healpix, cards),
            table_hdu("REDSHIFTS", REDSHIFTS, tables["REDSHIFTS"]),
            table_hdu("FIBERMAP", COADD_FIBERMAP, tables["FIBERMAP"]),
            table_hdu("EXP_FIBERMAP", EXP_FIBERMAP, tables["EXP_FIBERMAP"]),
            table_hdu("TSNR2", f"TARGETID K|{TSNR2}", tsnr),
        ],
    )


def write_pixel(plan: PixelPlan, out: Path, params: SurveyParams) -> PixelRecord:
    """See `oddqso.desi.survey.write_pixel`."""
    targets = make_targets(plan, params)
    observed = draw_fibers(plan, targets, params)
    exposed = observe_all(plan, targets, observed, params)
    tables = fill_fibermap(plan, targets, observed, params)
    tables["SCORES"] = fill_scores(tables["FIBERMAP"], [one.flux for one in exposed], [one.ivar for one in exposed])
    tables["REDSHIFTS"] = fill_redshifts(plan, targets, tables, [one.ivar for one in exposed], params)
    folder = out / plan.folder
    fibers = [one.fiber_kind for one in observed]
    coadd_path = plan.folder / f"coadd-{plan.name}.fits"
    _write_coadd(out / coadd_path, plan, tables, exposed, fibers, params)
    if any(one.in_spectra for one in observed):
        _write_spectra(folder / f"spectra-{plan.name}.fits.gz", plan, tables, exposed, observed, params)
    _write_redrock(folder / f"redrock-{plan.name}.fits", plan, tables)
    _write_parts(out, plan, fill_catalog(plan, tables, observed), _truth(plan, targets, tables))
    return PixelRecord(
        name=plan.name,
        coadd=str(coadd_path),
        n_target=len(targets),
        n_quasar=sum(one.kind == "quasar" for one in targets),
        n_anomaly=sum(one.injection is not None for one in targets),
    )


def _plain(value: Any) -> Any:
    """Numbers for JSON, short."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(inner) for inner in value]
    return float(f"{value:.7g}") if isinstance(value, float | np.floating) else value


TRUTH_SCHEMA = pa.schema(
    [
        ("TARGETID", pa.int64()), ("SURVEY", pa.string()), ("PROGRAM", pa.string()), ("HEALPIX", pa.int32()),
        ("KIND", pa.string()), ("CLASS", pa.string()), ("AMPLITUDE", pa.float32()), ("PARAMS", pa.string()),
        ("Z_TRUE", pa.float64()), ("Z", pa.float64()), ("SPECTYPE", pa.string()), ("CONFUSED", pa.bool_()),
        ("R_MAG", pa.float32()), ("M_I", pa.float32()), ("EIGENVECTOR1", pa.float32()), ("CIV_SHIFT_KMS", pa.float32()),
        ("EBV_INTRINSIC", pa.float32()), ("BAL", pa.int8()), ("LOG_NHI", pa.float32()), ("EW_MGII", pa.float32()),
    ]
)  # fmt: skip
"""Columns of truth.parquet; one row a TARGETID (of a target with two coadds the first in the plan)."""


def _truth(plan: PixelPlan, targets: list[Target], tables: dict[str, Records]) -> pa.Table:
    nan = float("nan")
    own = range(len(plan.shared), len(targets))
    rows = [(rank, targets[rank]) for rank in own]
    redshifts = tables["REDSHIFTS"]
    values = {
        "TARGETID": [int(redshifts["TARGETID"][rank]) for rank, _ in rows],
        "SURVEY": [plan.survey] * len(rows),
        "PROGRAM": [plan.program] * len(rows),
        "HEALPIX": [plan.healpix] * len(rows),
        "KIND": [one.kind for _, one in rows],
        "CLASS": [one.injection.name if one.injection else "" for _, one in rows],
        "AMPLITUDE": [one.amplitude for _, one in rows],
        "PARAMS": [json.dumps(_plain(one.draws), sort_keys=True) for _, one in rows],
        "Z_TRUE": [one.z_true for _, one in rows],
        "Z": [float(redshifts["Z"][rank]) for rank, _ in rows],
        "SPECTYPE": [bytes(redshifts["SPECTYPE"][rank]).decode() for rank, _ in rows],
        "CONFUSED": [bool(one.confused) or _misread(one, redshifts[rank]) for rank, one in rows],
        "R_MAG": [one.r_mag for _, one in rows],
        "M_I": [one.quasar.get("i_abs", nan) for _, one in rows],
        "EIGENVECTOR1": [one.quasar.get("eigenvector", nan) for _, one in rows],
        "CIV_SHIFT_KMS": [one.quasar.get("civ_shift_kms", nan) for _, one in rows],
        "EBV_INTRINSIC": [one.quasar.get("ebv", nan) for _, one in rows],
        "BAL": [int(one.found.get("bal", 0)) for _, one in rows],
        "LOG_NHI": [one.found.get("dla", 0.0) for _, one in rows],
        "EW_MGII": [one.found.get("mg2", 0.0) for _, one in rows],
    }
    return pa.table(values, schema=TRUTH_SCHEMA)


def _misread(target: Target, redshift: Any) -> bool:
    right = {"quasar": b"QSO", "galaxy": b"GALAXY", "star": b"STAR"}.get(target.kind)
    return right is not None and bytes(redshift["SPECTYPE"]) != right


def _write_parts(out: Path, plan: PixelPlan, catalog: Records, truth: pa.Table) -> None:
    folder = out / ".parts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f".{plan.name}.npy", catalog)
        pq.write_table(truth, folder / f".{plan.name}.parquet")
        for suffix in ("npy", "parquet"):
            (folder / f".{plan.name}.{suffix}").replace(folder / f"{plan.name}.{suffix}")
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}; make room, then run it again") from error


def _rows_of(out: Path, plan: PixelPlan) -> Records:
    path = out / ".parts" / f"{plan.name}.npy"
    try:
        rows: Records = np.load(path)
    except (OSError, ValueError) as error:
        raise DataError(f"the catalog rows of {plan.name} are not there ({error}); write that pixel again") from error
    return rows


def _primary(rows: Records) -> tuple[Records, Records]:
    """How often each TARGETID stands in the catalog, and whether a row is its best: ZWARN 0 first, then depth."""
    ids = rows["TARGETID"].astype(np.int64)
    order = np.lexsort((-rows["TSNR2_LRG"], rows["ZWARN"] != 0, ids))
    first = np.ones(len(ids), dtype=bool)
    first[order[1:]] = ids[order[1:]] != ids[order[:-1]]
    _, inverse, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return counts[inverse], first


def write_catalogs(out: Path, params: SurveyParams, plans: list[PixelPlan]) -> None:
    """See `oddqso.desi.survey.write_catalogs`."""
    short = ["TARGETID", "ZWARN", "TSNR2_LRG"]
    counts, primary = _primary(np.concatenate([_rows_of(out, plan)[short] for plan in plans]))
    n_row = len(counts)

    def pieces() -> Iterator[Block]:
        start, left = 0, np.zeros(0, record_dtype(ZCATALOG))
        for plan in plans:
            rows = _rows_of(out, plan)
            here = slice(start, start + len(rows))
            for kind in ("MAIN", "ZCAT"):
                rows[f"{kind}_NSPEC"] = counts[here]
                rows[f"{kind}_PRIMARY"] = np.where(primary[here], b"T", b"F")
            start += len(rows)
            left = np.concatenate([left, rows])
            n_whole = len(left) if start == n_row else len(left) // 4 * 4  # pieces of a multiple of 4 bytes
            yield Block.of(left[:n_whole])
            left = left[n_whole:]

    folder = out / "spectro/redux" / SPECPROD / "zcatalog/v1"
    catalog = Hdu("ZCATALOG", (), record_dtype(ZCATALOG), (n_row,), pieces(), ZCATALOG)
    write_fits(folder / f"zall-pix-{SPECPROD}.fits", [Hdu(""), catalog])
    aside = out / ".truth.parquet.writing"
    try:
        with pq.ParquetWriter(aside, TRUTH_SCHEMA) as writer:
            for plan in plans:
                writer.write_table(pq.read_table(out / ".parts" / f"{plan.name}.parquet"))
        aside.replace(out / "truth.parquet")
        shutil.rmtree(out / ".parts")
    except OSError as error:
        raise StoreError(f"cannot write {out / 'truth.parquet'}: {error}; make room, then run it again") from error
