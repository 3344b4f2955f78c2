"""Simulated quasars as a run would ingest them, without files in between."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.mock import make_targets, observe_all
from oddqso.desi.mock_tables import Observation, draw_fibers, fill_fibermap, fill_redshifts
from oddqso.desi.params import IngestParams, SampleParams
from oddqso.desi.survey import PixelPlan, SurveyParams
from oddqso.simulation.instrument import coadd, draw_visit, expose, through_optics
from oddqso.simulation.targets import Target
from oddqso.spectra import Spectra
from oddqso.spectra.dust import galactic_extinction
from oddqso.spectra.grid import ARMS, native_grid
from oddqso.spectra.join import join_arms

_BRIGHT = 1e10  # so much light that nothing is left of the noise, relative to it


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of simulated spectra alone.

    Parameters
    ----------
    flux : (n_spec, n_wave) float32
        Flux without noise, behind Galactic dust and the optics [1e-17 erg / (s cm2 Angstrom)].
    calibration : (n_spec, n_wave) float32
        What it is multiplied with by errors of the flux calibration before noise is added; 1 would be none.
    targets : list of Target
        One a spectrum.
    """

    flux: NDArray[np.float32]
    calibration: NDArray[np.float32]
    targets: list[Target]


def pixel_spectra(
    plan: PixelPlan, params: SurveyParams, sample: SampleParams, ingest: IngestParams
) -> tuple[Spectra, NDArray[np.bool_]]:
    """The quasars of one plan, on the native grid, and which of them are strict.

    They are what `oddqso.desi.survey.write_pixel` would write and `oddqso.desi.ingest.ingest` would read, to the bit.
    Targets that the plan shares with another one are left out, so that no TARGETID comes twice.

    Parameters
    ----------
    plan : PixelPlan
        From `oddqso.desi.survey.plan_survey`.
    params : SurveyParams
        Those of the plan.
    sample : SampleParams
        What belongs to a run, and what is strict in it.
    ingest : IngestParams
        How arms are joined.

    Returns
    -------
    spectra : Spectra
        What a redshift fitter takes for a quasar, in the order of the plan.
    strict : (n_spec,) bool
        As in `oddqso.desi.sample.make_sample`.
    """
    seen = _simulated(plan, params, sample, ingest)
    return seen.spectra, seen.strict


def pixel_truth(
    plan: PixelPlan, params: SurveyParams, sample: SampleParams, ingest: IngestParams
) -> tuple[Spectra, NDArray[np.bool_], Truth]:
    """The same as `pixel_spectra`, and the truth behind the spectra."""
    seen = _simulated(plan, params, sample, ingest)
    program = {"dark": 0, "bright": 1}[plan.program]
    targets = [seen.targets[row] for row in seen.rows]
    flux, factor = np.empty_like(seen.spectra.flux), {arm: np.empty_like(ivar) for arm, ivar in seen.ivar.items()}
    for place, row in enumerate(seen.rows.tolist()):
        observed = seen.observed[row]
        flux[place] = before_noise(targets[place], observed)
        rng = np.random.default_rng([params.seed, 2, program, plan.healpix, row])  # as in `observe_all`
        for arm, values in zip(ARMS, _calibration(observed, params, rng), strict=True):
            factor[arm][place] = values
    calibration, _, _ = join_arms(factor, seen.ivar, seen.mask, len(targets), ingest.min_good_ivar)
    return seen.spectra, seen.strict, Truth(flux, calibration, targets)


def before_noise(target: Target, observed: Observation) -> NDArray[np.float32]:
    """Flux behind Galactic dust and the optics, (n_wave,) [1e-17 erg / (s cm2 Angstrom)], on the native grid."""
    dust = 10 ** (-0.4 * observed.ebv * galactic_extinction(native_grid()))
    return np.asarray(through_optics(target.model * dust, observed.fiber_kind), np.float32)


def _calibration(observed: Observation, params: SurveyParams, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Factor of the flux calibration in each arm of a coadd; visits weigh by their noise."""
    visits = [draw_visit(rng, params.noise, observed.noise) for _ in range(observed.n_visit)]
    bright, found = np.full(len(native_grid()), _BRIGHT), []
    for k in range(len(ARMS)):
        seen = [expose(bright, k, visit, rng)[0] / np.float32(_BRIGHT) for visit in visits]
        weight = [np.full(len(seen[0]), visit.noise[k] ** -2.0, np.float32) for visit in visits]
        found.append(coadd(seen, weight)[0])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Simulated:
    """The quasars of a plan, and what they were made from: targets of the plan, and the rows that are quasars."""

    spectra: Spectra
    strict: NDArray[np.bool_]
    rows: NDArray[np.int64]
    targets: list[Target]
    observed: list[Observation]
    ivar: dict[str, NDArray[np.float32]]
    mask: dict[str, NDArray[np.uint32]]


def _simulated(plan: PixelPlan, params: SurveyParams, sample: SampleParams, ingest: IngestParams) -> _Simulated:
    targets = make_targets(plan, params)
    observed = draw_fibers(plan, targets, params)
    exposed = observe_all(plan, targets, observed, params)
    tables = fill_fibermap(plan, targets, observed, params)
    fibermap = tables["FIBERMAP"]
    redshifts = fill_redshifts(plan, targets, tables, [one.ivar for one in exposed], params)
    own = np.arange(len(targets)) >= len(plan.shared)
    rows = np.flatnonzero(
        own
        & (fibermap["OBJTYPE"] == b"TGT")
        & (redshifts["SPECTYPE"] == b"QSO")
        & np.isin(redshifts["ZWARN"], sample.zwarn_allowed)
    )
    strict = (
        (redshifts["ZWARN"][rows] == 0)
        & (fibermap["COADD_FIBERSTATUS"][rows] == 0)
        & (redshifts["DELTACHI2"][rows] > sample.deltachi2_min)
    )
    kept = [exposed[row] for row in rows]
    arms = {
        name: {arm: np.stack([getattr(one, name)[k] for one in kept]) for k, arm in enumerate(ARMS)} if kept else {}
        for name in ("flux", "ivar", "mask")
    }
    mask = {arm: bits.astype(np.uint32) for arm, bits in arms["mask"].items()}
    flux, ivar, quality = join_arms(arms["flux"], arms["ivar"], mask, len(rows), ingest.min_good_ivar)
    spectra = Spectra(
        target_id=fibermap["TARGETID"][rows].astype(np.int64),
        z=redshifts["Z"][rows].astype(np.float64),
        ebv=fibermap["EBV"][rows].astype(np.float32),
        scale=np.ones(len(rows), np.float32),
        quality=quality,
        wave=native_grid(),
        flux=flux,
        ivar=ivar,
    )
    return _Simulated(spectra, strict, rows, targets, observed, arms["ivar"], mask)
