"""Simulated quasars as a run would ingest them, without files in between."""

import numpy as np
from numpy.typing import NDArray

from oddqso.desi.mock import make_targets, observe_all
from oddqso.desi.mock_tables import draw_fibers, fill_fibermap, fill_redshifts
from oddqso.desi.params import IngestParams, SampleParams
from oddqso.desi.survey import PixelPlan, SurveyParams
from oddqso.spectra import Spectra
from oddqso.spectra.grid import ARMS, native_grid
from oddqso.spectra.join import join_arms


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
    return spectra, strict
