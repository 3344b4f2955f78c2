"""A model trained on a large simulated survey, to ship or to start from."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from oddqso.config import Settings, read_settings
from oddqso.embed.params import TRAIN_VERSION
from oddqso.errors import ConfigError, DataError
from oddqso.params import Params
from oddqso.runs.directory import RunDirectory
from oddqso.runs.executors import make_executor
from oddqso.runs.files import read_json, read_table, write_json, write_table
from oddqso.runs.progress import Progress, Silent

PRETRAIN_SETTINGS: tuple[str, ...] = ("train.max_spectra=100000000", "train.validation_share=0.08")
"""All spectra are learned from but a twelfth, which is many enough of so many, unless settings say otherwise."""

_SPECTRA, _RECORD = "spectra", "pretrain.json"
_MADE = ("model.json", "model.safetensors", "curves.parquet")
_SHOWN = ("curves.csv", "progress.png")
_CHUNK_TARGETS = 250


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one worker made.

    Parameters
    ----------
    n_target, n_spec : int
        Simulated quasars, and those of them that a run would learn from.
    simulate_s, prepare_s : float
        Seconds of one core.
    """

    n_target: int
    n_spec: int
    simulate_s: float
    prepare_s: float


def pretrain(
    out: Path | str,
    *,
    n_target: int = 250_000,
    seed: int = 1,
    overrides: Sequence[str] = (),
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Simulate ordinary quasars, prepare them as a run would, and train a model on those that a run would learn from.

    Spectra are simulated in chunks and kept in ``out/spectra``, 32 kB each, never all in memory; the folder may be
    deleted when the model is there. A call that was killed goes on where it was, to the same bytes.

    Parameters
    ----------
    out : path
        In the end it holds ``model.safetensors``, ``model.json`` and ``curves.parquet``. While it trains,
        ``curves.csv`` and ``progress.png`` show how it learns.
    n_target : int
        Quasars to simulate; about one in twelve is too faint to learn from.
    seed : int
        Same seed, same bytes, whatever the number of workers. The quasars are others than those of a simulated survey
        of that seed.
    overrides : sequence of str
        Settings as ``section.name=value``; those of sample, ingest, prepare and train matter.
    workers : int
        Worker processes of the simulation.
    progress : Progress, optional
        Is told how far it has come.

    Raises
    ------
    ConfigError
        If the folder holds spectra of other settings or a model that was made elsewhere, or a setting is wrong.
    DataError
        If there are too few spectra to learn from.
    """
    settings = read_settings(None, [*PRETRAIN_SETTINGS, *overrides])
    if settings.train.start != "scratch":
        raise ConfigError(
            f"train.start={settings.train.start} is a way to run with weights that are there; weights are made from "
            "scratch: leave the setting out"
        )
    if settings.train.weights is not None:
        raise ConfigError(
            f"train.weights={settings.train.weights} names weights to start from; weights are made from scratch: leave "
            "the setting out"
        )
    out, progress = Path(out), progress or Silent()
    _refuse_foreign(out)
    with RunDirectory(out).locked():
        survey = ordinary_survey(n_target, survey_seed(seed))
        record = json.loads(json.dumps(_record(survey, settings, seed)))
        before = read_json(out / _RECORD) if (out / _RECORD).exists() else None
        if before is not None and before["spectra"] != record["spectra"]:
            raise ConfigError(
                f"{out} holds spectra that were simulated or prepared in another way; choose another folder, or delete "
                "that one"
            )
        if before == record and _is_whole(out):
            shutil.rmtree(out / "scratch", ignore_errors=True)  # a kill after the card may have left it
            progress.skip("pretrain")
            return out
        for name in _MADE:  # else a kill before the new ones would leave the old ones under the new record
            (out / name).unlink(missing_ok=True)
        if before is not None and before != record:
            shutil.rmtree(out / "scratch", ignore_errors=True)
            for name in _SHOWN:
                (out / name).unlink(missing_ok=True)
        write_json(out / _RECORD, record)
        names = _simulate(out / _SPECTRA, survey, settings, workers, progress)
        _train(out, names, survey, settings, seed, progress)
    return out


def _refuse_foreign(out: Path) -> None:
    found = [name for name in _MADE if (out / name).exists()]
    if found and not (out / _RECORD).exists():
        raise ConfigError(
            f"{out} holds {found[0]} but no {_RECORD}: `oddqso pretrain` did not make it and would overwrite it; "
            "choose another folder"
        )


def _is_whole(out: Path) -> bool:
    """Whether the model is there and can be used; one that is damaged is made anew."""
    from oddqso.embed.weights import load_model

    try:
        load_model(out)
    except DataError:
        return False
    return True


def survey_seed(seed: int) -> int:
    """The seed of the survey that weights of this seed learn from: none that a survey of one's own is likely to have.

    Examples
    --------
    >>> survey_seed(1) == survey_seed(1) != survey_seed(2)
    True
    """
    import numpy as np

    return int(np.random.SeedSequence([seed, *b"pretrain"]).generate_state(1, np.uint32)[0])


def ordinary_survey(n_target: int, seed: int) -> Any:
    """Nothing but quasars, all ordinary, in the mix of the simulated survey."""
    from oddqso.desi.survey import SurveyParams

    return SurveyParams(
        n_target=n_target, seed=seed, targets_per_pixel=_CHUNK_TARGETS, quasar_fraction=1.0, galaxy_fraction=0.0,
        star_fraction=0.0, sky_fraction=0.0, anomaly_fraction=0.0, wrong_redshift_fraction=0.0, spectra_fraction=0.0,
        resolution=False,
    )  # fmt: skip


def _record(survey: Params, settings: Settings, seed: int) -> dict[str, Any]:
    made_by = {"survey": survey, "sample": settings.sample, "ingest": settings.ingest, "prepare": settings.prepare}
    return {
        "spectra": {name: params.model_dump(mode="json") for name, params in made_by.items()}
        | {"simulator": _simulator()},
        "train": {"version": TRAIN_VERSION, **settings.train.identity()},
        "seed": seed,
    }


def _simulator() -> dict[str, str]:
    """The version, and a hash of the recipes themselves."""
    import hashlib
    from importlib import resources

    from oddqso import __version__

    digest = hashlib.sha256()
    for package, names in (("oddqso.simulation", None), ("oddqso.desi", ("mock.py", "mock_tables.py", "survey.py"))):
        files = [entry for entry in resources.files(package).iterdir() if entry.name.endswith(".py")]
        for entry in sorted(files, key=lambda one: one.name):
            if names is None or entry.name in names:
                digest.update(entry.name.encode() + entry.read_bytes())
    return {"oddqso": __version__, "sha256": digest.hexdigest()}


def _simulate(folder: Path, survey: Any, settings: Settings, workers: int, progress: Progress) -> list[str]:
    """Make the chunks that are not there yet; the names of all, in order."""
    from oddqso.desi.survey import plan_survey

    plans = plan_survey(survey)
    missing = [plan for plan in plans if not (folder / f"{plan.name}.arrow").exists()]
    if not missing:
        progress.skip("simulate")
        return [plan.name for plan in plans]
    began, total = time.monotonic(), sum(plan.n_target for plan in plans)
    progress.begin("simulate", total, total - sum(plan.n_target for plan in missing), "spectra")
    made = []
    with make_executor(workers) as executor:
        for chunk in executor.map(partial(make_chunk, folder=folder, survey=survey, settings=settings), missing):
            progress.advance(chunk.n_target)
            made.append(chunk)
    n_target, n_spec = sum(chunk.n_target for chunk in made), sum(chunk.n_spec for chunk in made)
    simulate_s, prepare_s = sum(chunk.simulate_s for chunk in made), sum(chunk.prepare_s for chunk in made)
    progress.end(
        "simulate", time.monotonic() - began,
        f"{n_spec:,} of {n_target:,} to learn from; each core simulated {n_target / max(simulate_s, 1e-9):,.0f}/s and "
        f"prepared {n_target / max(prepare_s, 1e-9):,.0f}/s",
    )  # fmt: skip
    return [plan.name for plan in plans]


def make_chunk(plan: Any, *, folder: Path, survey: Any, settings: Settings) -> Chunk:
    """Simulate and prepare one plan, and write the spectra that a run would learn from, whole or not at all."""
    from oddqso.desi.mock_spectra import pixel_spectra
    from oddqso.prepare.prepare import prepare
    from oddqso.spectra import UNSCORABLE

    began = time.perf_counter()
    native, strict = pixel_spectra(plan, survey, settings.sample, settings.ingest)
    simulated = time.perf_counter()
    prepared, snr, _ = prepare(native, settings.prepare)
    strict &= (snr >= settings.prepare.strict_snr_min) & (prepared.quality & UNSCORABLE == 0)
    write_table(folder / f"{plan.name}.arrow", prepared[strict].to_table())
    return Chunk(plan.n_target, int(strict.sum()), simulated - began, time.perf_counter() - simulated)


def _train(out: Path, names: Sequence[str], survey: Any, settings: Settings, seed: int, progress: Progress) -> None:
    from oddqso.embed.training import train_mapped
    from oddqso.spectra import Spectra
    from oddqso.stages.watch import Picture

    parts = [Spectra.from_table(read_table(out / _SPECTRA / f"{name}.arrow")) for name in names]
    about = {
        "data": {
            "what": "simulated ordinary quasars of an oddqso survey; strict ones, prepared as in a run",
            "n_target": survey.n_target,
            "n_spec": sum(len(part) for part in parts),
            "seed": seed,
            "simulator": _simulator(),
            "survey": survey.model_dump(mode="json"),
            "prepare": settings.prepare.model_dump(mode="json"),
        },
        "limits": [
            "It has seen no real spectrum: the width of its residuals on real ones is not known before a run measures "
            "it on held-out spectra.",
            "Fainter than a median signal-to-noise ratio of "
            f"{settings.prepare.strict_snr_min:g} per native pixel it has learned from nothing.",
            f"Redshifts {settings.train.network.z_min:g} to {settings.train.network.z_max:g}; beyond, it gives the "
            "prior.",
        ],
    }
    teller = _Teller(progress)
    some = [part for part in parts if len(part)]
    train_mapped(some, settings.train, seed, out, teller.tell, about, Picture(out))
    teller.end(f"model in {out}")


class _Teller:
    """Makes stages of a training's messages: a new one when the words before the colon change."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.stage, self.share, self.began = progress, "", 0.0, 0.0

    def tell(self, message: str, share: float) -> None:
        """Go on."""
        stage = message.partition(":")[0]
        if stage != self.stage:
            self.end("")
            self.stage, self.share, self.began = stage, share, time.monotonic()
            self.progress.begin(stage, 1.0, share, "")
        self.progress.advance(max(share - self.share, 0.0))
        self.share = max(share, self.share)

    def end(self, words: str) -> None:
        """The stage is over."""
        if self.stage:
            self.progress.end(self.stage, time.monotonic() - self.began, words)
        self.stage = ""
