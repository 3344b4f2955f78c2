"""The true flux of some spectra of a simulated survey: some of its pixels are simulated again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from oddqso.reports.results import TrueFlux
from oddqso.runs.files import read_json

_N_PIXEL = 6
"""Healpix pixels simulated again, at most: two or three seconds each."""


def noiseless_flux(survey: Path, truth: pa.Table, target_ids: Sequence[int]) -> Mapping[int, TrueFlux]:
    """True flux by TARGETID, of those that lie in the pixels with the most of them.

    Parameters
    ----------
    survey : Path
        Folder of `oddqso.simulate`.
    truth : pa.Table
        Its truth table.
    target_ids : sequence of int
        Wanted.

    Returns
    -------
    mapping of int to TrueFlux
        On the native grid [1e-17 erg / (s cm2 Angstrom)]: the spectrum without its noise but with the errors of its
        flux calibration, and the light behind Galactic dust and the optics. Empty where the survey does not say how it
        was made, or this version would make another one.
    """
    from pydantic import ValidationError

    from oddqso.desi.mock_spectra import pixel_truth
    from oddqso.desi.params import IngestParams, SampleParams
    from oddqso.desi.survey import SurveyParams, plan_survey

    marker = survey / "survey.json"
    if not marker.exists():
        return {}
    try:
        params = SurveyParams.model_validate(read_json(marker)["params"])
    except (ValidationError, KeyError):
        return {}
    table = truth.select(["TARGETID", "SURVEY", "PROGRAM", "HEALPIX", "Z_TRUE", "R_MAG"]).to_pydict()
    known = {one: row for row, one in enumerate(table["TARGETID"])}
    places: dict[Any, set[int]] = {}
    for one in target_ids:
        if one in known:
            row = known[one]
            places.setdefault(tuple(table[name][row] for name in ("SURVEY", "PROGRAM", "HEALPIX")), set()).add(one)
    plans = {(plan.survey, plan.program, plan.healpix): plan for plan in plan_survey(params)}
    found: dict[int, TrueFlux] = {}
    for place in sorted(places, key=lambda place: (-len(places[place]), place))[:_N_PIXEL]:
        if place not in plans:
            return {}
        spectra, _, made = pixel_truth(plans[place], params, SampleParams(), IngestParams())
        for one, target, light, factor in zip(
            spectra.target_id.tolist(), made.targets, made.flux, made.calibration, strict=True
        ):
            if one in places[place]:
                row = known[one]
                if not np.allclose((target.z_true, target.r_mag), (table["Z_TRUE"][row], table["R_MAG"][row]), 1e-5):
                    return {}
                found[one] = TrueFlux(without_noise=light * factor, light=light)
    return found
