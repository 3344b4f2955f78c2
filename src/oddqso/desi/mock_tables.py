"""The tables of simulated DESI files: who was observed by which fiber, when, and what the pipeline would say."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.bricks import brick_of
from oddqso.desi.formats import COADD_FIBERMAP, COADD_SCORES, EXP_FIBERMAP, REDSHIFTS, ZCATALOG, record_dtype
from oddqso.desi.survey import NSIDE, PixelPlan, SurveyParams
from oddqso.simulation.instrument import BAD_AMPLIFIER, N_FIBER_KINDS
from oddqso.simulation.targets import Target, band_flux
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import ARMS, arm_grid, native_grid

Records = NDArray[Any]

MOCK_BIT: Final = 58
SKY_BIT: Final = 59
RELEASE: Final = 9010
QSO_BIT: Final = 1 << 2
TARGET_SKY_BIT: Final = 1 << 32
NODATA_ZWARN: Final = 1570
"""ZWARN of a spectrum without data: LITTLE_COVERAGE, Z_FITLIMIT, NODATA, BAD_MINFIT."""
STUCK: Final = 1 << 1
_COLORS: Final = {"quasar": (0.5, 0.6), "galaxy": (0.8, 0.3), "star": (-0.4, -0.6), "sky": (0, 0), "stuck": (0, 0)}
"""r - W1 and r - W2 (AB)."""


@dataclass(frozen=True, slots=True)
class Observation:
    """How one target of a pixel was observed.

    Parameters
    ----------
    ebv : float
        Galactic E(B-V) of SFD98 [mag].
    fiber_kind : int
        Which line-spread function its fiber has.
    fiber : int
        Number of the fiber, 0-4999.
    n_visit : int
        Exposures.
    noise : float
        Noise against an ordinary visit.
    missing_arm : str
        An arm without data, or ``""``.
    no_data : bool
        No exposure is good.
    in_spectra : bool
        Its exposures stand in the spectra file.
    """

    ebv: float
    fiber_kind: int
    fiber: int
    n_visit: int
    noise: float
    missing_arm: str
    no_data: bool
    in_spectra: bool


def pixel_center(healpix: int) -> tuple[float, float]:
    """Right ascension and declination of a pixel's middle [degrees].

    Examples
    --------
    >>> [round(angle, 3) for angle in pixel_center(23040)]
    [56.25, -8.989]
    """
    ra, dec = pixel_positions(healpix, np.array([0.5]), np.array([0.5]))
    return float(ra[0]), float(dec[0])


def pixel_positions(healpix: int, dx: Records, dy: Records) -> tuple[Records, Records]:
    """Positions inside a pixel from coordinates in 0-1, (n,) each [degrees]."""
    from astropy import units
    from astropy_healpix import healpix_to_lonlat

    lon, lat = healpix_to_lonlat(np.full(len(dx), healpix), NSIDE, dx, dy, order="nested")
    return np.asarray(lon.to_value(units.deg)), np.asarray(lat.to_value(units.deg))


def galactic_latitude(ra: float, dec: float) -> float:
    """Galactic latitude of a position, all in degrees.

    Examples
    --------
    >>> round(galactic_latitude(192.85948, 27.12825))
    90
    """
    a, d, pole = np.radians([ra - 192.85948, dec, 27.12825])
    return float(np.degrees(np.arcsin(np.sin(d) * np.sin(pole) + np.cos(d) * np.cos(pole) * np.cos(a))))


def draw_fibers(plan: PixelPlan, targets: list[Target], params: SurveyParams) -> list[Observation]:
    """How each target of a pixel was observed: up to four visits of quasars beyond redshift 2.1."""
    program = {"dark": 0, "bright": 1}[plan.program]
    sky = np.random.default_rng([params.seed, 3, plan.healpix])
    latitude = abs(galactic_latitude(*pixel_center(plan.healpix)))
    level = np.clip(0.022 / np.sin(np.radians(max(latitude, 12.0))) * np.exp(0.35 * sky.normal()), 0.008, 0.3)
    depth = np.exp(0.08 * sky.normal()) * (1.0 if program == 0 else 1.5)
    observations = []
    for rank, target in enumerate(targets):
        rng = np.random.default_rng([params.seed, 4, program, plan.healpix, rank])
        fiber = int(rng.integers(5000))
        deep = target.kind == "quasar" and target.z_true > 2.1 and program == 0
        n_visit = int(rng.choice([1, 2, 3, 4], p=(0.35, 0.25, 0.22, 0.18) if deep else (0.82, 0.15, 0.03, 0.0)))
        missing = str(rng.choice(ARMS)) if rng.uniform() < params.noise.bad_arm_fraction else ""
        u = rng.uniform()
        kept = u < params.spectra_fraction or (plan.spectra and rank in (2, 3))
        own = np.random.default_rng([params.seed, 5, int(plan.indices[rank])])  # the same in both programs
        observations.append(
            Observation(
                ebv=float(level * np.exp(0.06 * own.normal())),
                fiber_kind=fiber % N_FIBER_KINDS,
                fiber=fiber,
                n_visit=2 if plan.spectra and rank in (2, 3) else n_visit,
                noise=float(depth * np.exp(0.05 * rng.normal())),
                missing_arm="B" if plan.empty_arm and rank == 0 else missing,
                no_data=plan.empty_arm and rank == 1,
                in_spectra=bool(kept) and target.kind != "stuck",
            )
        )
    return observations


def target_ids(plan: PixelPlan, targets: list[Target], brick: Records) -> Records:
    """TARGETIDs with the MOCK bit; negative for stuck positioners, as in DESI not unique across files."""
    ids = np.zeros(len(targets), dtype=np.int64)
    for rank, (index, target) in enumerate(zip(plan.indices.tolist(), targets, strict=True)):
        base = (index % (1 << 22)) | (int(brick[rank]) << 22) | (1 << MOCK_BIT)
        if target.kind == "stuck":
            ids[rank] = -(1_695_000 + rank)
        elif target.kind == "sky":
            ids[rank] = base | (1 << SKY_BIT)
        else:
            ids[rank] = base | (RELEASE << 42)
    return ids


def fill_fibermap(
    plan: PixelPlan, targets: list[Target], observed: list[Observation], params: SurveyParams
) -> dict[str, Records]:
    """FIBERMAP and EXP_FIBERMAP of a pixel."""
    n = len(targets)
    places = np.array([np.random.default_rng([params.seed, 6, int(i)]).uniform(size=3) for i in plan.indices])
    ra, dec = pixel_positions(plan.healpix, places[:, 0], places[:, 1])
    brick, names = brick_of(ra, dec)
    stuck = np.array([one.kind == "stuck" for one in targets])
    sky = np.array([one.kind == "sky" for one in targets])
    light = ~stuck & ~sky
    rng = np.random.default_rng([params.seed, 8, {"dark": 0, "bright": 1}[plan.program], plan.healpix])
    table = np.zeros(n, record_dtype(COADD_FIBERMAP))
    table["TARGETID"] = target_ids(plan, targets, brick)
    table["TARGET_RA"], table["TARGET_DEC"], table["PLATE_RA"], table["PLATE_DEC"] = ra, dec, ra, dec
    table["OBJTYPE"] = np.where(stuck, b"BAD", np.where(sky, b"SKY", b"TGT"))
    table["FA_TYPE"] = np.where(stuck, 0, np.where(sky, 4, 1))
    table["FA_TARGET"] = np.where(stuck, 0, np.where(sky, TARGET_SKY_BIT, QSO_BIT))
    for name, value in (("REF_EPOCH", 2015.5), ("OBSCONDITIONS", 1 if plan.program == "dark" else 2)):
        table[name] = np.where(stuck, 0, value)
    table["SUBPRIORITY"] = np.where(stuck, 0, places[:, 2])
    table["RELEASE"], table["BRICKID"] = np.where(light, RELEASE, 0), np.where(stuck, 0, brick)
    table["BRICKNAME"] = [b"" if s else name.encode() for s, name in zip(stuck, names, strict=True)]
    table["BRICK_OBJID"] = np.where(light, plan.indices % (1 << 22), 0)
    table["MORPHTYPE"] = np.where(light, b"PSF", b"")
    table["EBV"] = np.where(stuck, 0, [one.ebv for one in observed])
    table["PHOTSYS"] = np.where(light, b"S" if pixel_center(plan.healpix)[1] < 32.375 else b"N", b"")
    table["DESI_TARGET"] = np.where(sky, TARGET_SKY_BIT, np.where(stuck, 0, QSO_BIT | (1 << 18)))
    table["PRIORITY_INIT"], table["NUMOBS_INIT"] = np.where(light, 3400, 0), np.where(light, 4, 0)
    _fill_photometry(table, targets, light, rng)
    visits = np.array([one.n_visit for one in observed])
    exposures = _fill_exposures(plan, table, targets, observed, rng)
    bits = np.array([BAD_AMPLIFIER.get(one.missing_arm, 0) | (1 << 9 if one.no_data else 0) for one in observed])
    table["COADD_FIBERSTATUS"] = np.where(stuck, STUCK, bits)
    good = ~stuck & ~np.array([one.no_data for one in observed])
    table["COADD_NUMEXP"] = np.where(good, visits, 0)
    table["COADD_EXPTIME"] = np.where(good, visits * 1000.0, 0)
    table["COADD_NUMNIGHT"] = table["COADD_NUMTILE"] = np.where(good, visits, 0)
    for axis in "XY":
        table[f"MEAN_DELTA_{axis}"] = rng.normal(0, 0.003, n)
        table[f"RMS_DELTA_{axis}"] = abs(rng.normal(0, 0.004, n))
    table["MEAN_FIBER_RA"] = ra + table["MEAN_DELTA_X"] / 70 / 3600
    table["MEAN_FIBER_DEC"] = dec + table["MEAN_DELTA_Y"] / 70 / 3600
    table["STD_FIBER_RA"], table["STD_FIBER_DEC"] = np.abs(rng.normal(0, 0.02, (2, n)))
    table["MEAN_PSF_TO_FIBER_SPECFLUX"] = 0.789
    return {"FIBERMAP": table, "EXP_FIBERMAP": exposures}


def _fill_photometry(table: Records, targets: list[Target], light: Records, rng: np.random.Generator) -> None:
    wave = native_grid()
    dust = galactic_extinction(wave)
    deviates = rng.normal(size=(len(targets), 5))
    sigma = {"G": 0.04, "R": 0.06, "Z": 0.13, "W1": 0.9, "W2": 2.2}  # depth of the Legacy Surveys [nanomaggy]
    for rank in np.flatnonzero(light):
        target = targets[rank]
        flux = band_flux(wave, target.model * 10 ** (-0.4 * table["EBV"][rank] * dust))
        for name, color in zip(("W1", "W2"), _COLORS[target.kind], strict=True):
            flux[name] = flux["R"] * 10 ** (0.4 * color)
        for k, (name, value) in enumerate(flux.items()):
            noisy = value + deviates[rank, k] * sigma[name]
            table[f"FLUX_{name}"][rank] = noisy
            table[f"FLUX_IVAR_{name}"][rank] = sigma[name] ** -2
            if k < 3:
                table[f"FIBERFLUX_{name}"][rank] = table[f"FIBERTOTFLUX_{name}"][rank] = 0.78 * noisy


def _fill_exposures(
    plan: PixelPlan, table: Records, targets: list[Target], observed: list[Observation], rng: np.random.Generator
) -> Records:
    """One row a target and exposure: tiles and nights of the pixel, in order."""
    visits = np.array([one.n_visit for one in observed])
    source = np.repeat(np.arange(len(targets)), visits)
    number = np.concatenate([np.arange(n) for n in visits])
    bright = plan.program == "bright"
    nights = np.sort(rng.choice(380, 4, replace=False))  # days after 2021 May 14
    night = np.array([int((date(2021, 5, 14) + timedelta(int(day))).strftime("%Y%m%d")) for day in nights])
    rows = np.zeros(len(source), record_dtype(EXP_FIBERMAP))
    for name in ("TARGETID", "SUBPRIORITY", "PLATE_RA", "PLATE_DEC"):
        rows[name] = table[name][source]
    rows["NIGHT"] = night[number]
    rows["MJD"] = 59_348.0 + nights[number] + 0.2 + 0.1 * rng.uniform(size=4)[number]
    rows["EXPID"] = 90_000 + 130 * nights[number] + plan.healpix % 100
    rows["TILEID"] = (20_000 if bright else 1000) + (plan.healpix * 4 + number) % 10_000
    rows["EXPTIME"] = 1000.0
    rows["PRIORITY"] = np.where(table["OBJTYPE"][source] == b"TGT", 3400, 0)
    fiber = (np.array([one.fiber for one in observed])[source] + 611 * number) % 5000
    rows["FIBER"], rows["PETAL_LOC"], rows["DEVICE_LOC"] = fiber, fiber // 500, fiber % 500
    rows["LOCATION"] = 1000 * (fiber // 500) + fiber % 500
    rows["FIBERSTATUS"] = table["COADD_FIBERSTATUS"][source]
    rows["LAMBDA_REF"], rows["NUM_ITER"], rows["PSF_TO_FIBER_SPECFLUX"] = 5400.0, 2, 0.789
    place = rng.uniform(-400, 400, (2, len(rows)))
    for k, axis in enumerate("XY"):
        rows[f"FIBERASSIGN_{axis}"] = place[k]
        rows[f"DELTA_{axis}"] = rng.normal(0, 0.004, len(rows))
        rows[f"FIBER_{axis}"] = place[k] + rows[f"DELTA_{axis}"]
    rows["FIBER_RA"] = rows["PLATE_RA"] + rows["DELTA_X"] / 70 / 3600
    rows["FIBER_DEC"] = rows["PLATE_DEC"] + rows["DELTA_Y"] / 70 / 3600
    return rows


_SCORE_RANGE: Final = {"B": (4000.0, 5800.0), "R": (5800.0, 7600.0), "Z": (7600.0, 9800.0)}
_TSNR_FACTORS: Final = {
    "GPBDARK": 15.0, "ELG": 1.0, "GPBBRIGHT": 2.5, "LYA": 2.2, "BGS": 20.0, "GPBBACKUP": 0.4, "QSO": 0.3, "LRG": 0.8,
}  # fmt: skip


def fill_scores(fibermap: Records, fluxes: list[Any], ivars: list[Any]) -> Records:
    """SCORES of a coadd: integrated and median flux, S/N per square root of an Angstrom, and depths."""
    table = np.zeros(len(fibermap), record_dtype(COADD_SCORES))
    table["TARGETID"] = fibermap["TARGETID"]
    for k, arm in enumerate(ARMS):
        wave = arm_grid(arm)
        inside = slice(*np.searchsorted(wave, _SCORE_RANGE[arm]))
        flux, ivar = np.stack([one[k] for one in fluxes])[:, inside], np.stack([one[k] for one in ivars])[:, inside]
        table[f"INTEG_COADD_FLUX_{arm}"] = 0.8 * flux.sum(axis=1, dtype=np.float64)
        table[f"MEDIAN_COADD_FLUX_{arm}"] = np.median(flux, axis=1)
        table[f"MEDIAN_COADD_SNR_{arm}"] = np.median(flux * np.sqrt(ivar), axis=1) / np.sqrt(0.8)
        depth = np.median(ivar[:, ::5], axis=1)
        for kind, factor in _TSNR_FACTORS.items():
            table[f"TSNR2_{kind}_{arm}"] = factor * depth
            table[f"TSNR2_{kind}"] += factor * depth
    return table


def fill_redshifts(
    plan: PixelPlan, targets: list[Target], tables: dict[str, Records], ivars: list[Any], params: SurveyParams
) -> Records:
    """REDSHIFTS of redrock: right for most, unsure or wrong for the faint."""
    table = np.zeros(len(targets), record_dtype(REDSHIFTS))
    table["TARGETID"] = tables["FIBERMAP"]["TARGETID"]
    wave = native_grid()
    program = {"dark": 0, "bright": 1}[plan.program]
    for rank, target in enumerate(targets):
        rng = np.random.default_rng([params.seed, 9, program, plan.healpix, rank])
        row = table[rank]
        n_good = sum(int((ivar > 0).sum()) for ivar in ivars[rank])
        signal = 0.0  # sum of squared S/N
        for arm, ivar in zip(ARMS, ivars[rank], strict=True):
            first = round((arm_grid(arm)[0] - wave[0]) / 0.8)
            signal += float(np.sum(target.model[first : first + len(ivar)] ** 2 * ivar))
        z, zerr, spectype, subtype = target.z, target.zerr, target.spectype, target.subtype
        delta = 0.008 * signal * np.exp(0.5 * rng.normal()) * (0.1 if target.confused else 1.0) + rng.exponential(3.0)
        if target.kind == "quasar" and not target.confused and delta < 20 and rng.uniform() < 0.25:
            z, spectype, subtype, zerr = float(rng.uniform(0.0, 1.6)), "GALAXY", "", 2e-4
            delta = min(delta, 12.0)
        warn = (1 << 2) if delta < 9 else 0
        if n_good == 0:
            z, zerr, warn, delta, spectype, subtype = 0.0, -1.0, NODATA_ZWARN, 0.0, "GALAXY", ""
        row["Z"], row["ZERR"], row["ZWARN"], row["DELTACHI2"] = z, zerr * rng.uniform(0.7, 1.4), warn, delta
        row["SPECTYPE"], row["SUBTYPE"], row["NPIXELS"] = spectype.encode(), subtype.encode(), n_good
        row["CHI2"] = max(n_good + np.sqrt(2.0 * n_good) * rng.normal() + 0.02 * signal**0.9, 0.0)
        row["NCOEFF"] = {"GALAXY": 10, "QSO": 4, "STAR": 5}[spectype]
        row["COEFF"][: int(row["NCOEFF"])] = rng.normal(size=int(row["NCOEFF"])) * np.sqrt(signal / max(n_good, 1))
    return table


def desi_names(ra: Records, dec: Records) -> list[bytes]:
    """DESINAME of positions: decimal degrees, cut off after four digits.

    Examples
    --------
    >>> desi_names(np.array([10.12349]), np.array([-5.6]))
    [b'DESI J010.1234-05.6000']
    """
    names = []
    for r, d in zip(ra, dec, strict=True):
        (r1, r2), (d1, d2) = divmod(int(r * 1e4), 10_000), divmod(int(abs(d) * 1e4), 10_000)
        names.append(f"DESI J{r1:03d}.{r2:04d}{'-' if d < 0 else '+'}{d1:02d}.{d2:04d}".encode())
    return names


def fill_catalog(plan: PixelPlan, tables: dict[str, Records], observed: list[Observation]) -> Records:
    """Rows of the redshift catalog of a pixel; what counts coadds of a target is filled in later."""
    fibermap, redshifts, scores = tables["FIBERMAP"], tables["REDSHIFTS"], tables["SCORES"]
    table = np.zeros(len(fibermap), record_dtype(ZCATALOG))
    for source in (redshifts, fibermap, scores):
        for name in source.dtype.names or ():
            if name in (table.dtype.names or ()):
                table[name] = source[name]
    table["SURVEY"], table["PROGRAM"] = plan.survey.encode(), plan.program.encode()
    table["HEALPIX"] = table["SPGRPVAL"] = plan.healpix
    last = np.cumsum([one.n_visit for one in observed])
    for rank, (end, one) in enumerate(zip(last, observed, strict=True)):
        mjd = tables["EXP_FIBERMAP"]["MJD"][end - one.n_visit : end]
        table["MIN_MJD"][rank], table["MAX_MJD"][rank], table["MEAN_MJD"][rank] = mjd.min(), mjd.max(), mjd.mean()
    table["SV_PRIMARY"] = b"F"
    table["DESINAME"] = desi_names(fibermap["TARGET_RA"], fibermap["TARGET_DEC"])
    return table
