"""Simulated surveys, and the demonstration that runs on one."""

import json
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from oddqso.api.running import Run
from oddqso.api.running import run as bring_up_to_date
from oddqso.errors import ConfigError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import make_executor
from oddqso.runs.files import read_json, write_json
from oddqso.runs.progress import Progress, Silent


def simulate(
    out: Path | str,
    *,
    n_target: int = 2000,
    seed: int = 1,
    overrides: Sequence[str] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write a simulated survey in the layout of DESI DR1, with its truth table.

    Parameters
    ----------
    out : path
        The tree's root. A survey that is complete there with the same parameters is left as it is.
    n_target : int
        Targets, contaminants included.
    seed : int
        Same seed, same bytes, whatever the number of workers.
    overrides : sequence of str
        More parameters as ``name=value`` (`oddqso.desi.survey.SurveyParams`).
    workers : int
        Worker processes.
    progress : Progress, optional
        Is told how far it has come.

    Raises
    ------
    ConfigError
        If the folder holds another survey, or a parameter is wrong.
    """
    from oddqso.desi.survey import SurveyParams, plan_survey, write_catalogs, write_pixel

    params = _survey_params(SurveyParams, n_target, seed, overrides)
    out, progress = Path(out), progress or Silent()
    record = json.loads(json.dumps({"params": params.model_dump(mode="json")}))
    marker = out / "survey.json"
    with RunDirectory(out).locked():
        if marker.exists():
            if read_json(marker) == record:
                progress.skip("simulate")
                return out
            raise ConfigError(f"{out} holds a survey with other parameters; choose another folder")
        began = time.monotonic()
        plans = plan_survey(params)
        progress.begin("simulate", sum(plan.n_target for plan in plans), 0, "spectra")
        with make_executor(workers) as executor:
            for written in executor.map(partial(write_pixel, out=out, params=params), plans):
                progress.advance(written.n_target)
        write_catalogs(out, params, plans)
        write_json(marker, record)
    progress.end("simulate", time.monotonic() - began, f"{sum(plan.n_target for plan in plans):,} targets in {out}")
    return out


def _survey_params(model: Any, n_target: int, seed: int, overrides: Sequence[str]) -> Any:
    from pydantic import ValidationError

    content: dict[str, Any] = {"n_target": n_target, "seed": seed}
    for word in overrides:
        name, equals, text = word.partition("=")
        if not equals or name not in model.model_fields:
            raise ConfigError(f"--set {word!r}: give name=value; the names are {', '.join(model.model_fields)}")
        content[name] = text
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigError("; ".join(f"{e['loc'][0]} = {e['input']!r}: {e['msg']}" for e in error.errors())) from None


def demo(
    run: Path | str = "runs/demo",
    *,
    n_target: int = 2000,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Simulate a small survey, run it through, and write its report: minutes on two cores.

    Returns
    -------
    Run
        The survey lies in its folder ``survey``.
    """
    n_workers = workers or os.cpu_count() or 1
    survey = simulate(Path(run) / "survey", n_target=n_target, workers=n_workers, progress=progress)
    first = DEMO_SETTINGS if RunDirectory(Path(run)).record() is None else ()
    return bring_up_to_date(survey, run, overrides=[*first, *overrides], workers=n_workers, progress=progress)


DEMO_SETTINGS: tuple[str, ...] = ("sample.fit_fraction=0.4", "sample.calibration_fraction=0.3")
"""A small survey gives more of its spectra to the model than a large one."""
