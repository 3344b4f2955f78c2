"""Whether a run's lists are worth what they promise: the simulation gate and entrapment."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.config import make_settings
from oddqso.errors import ConfigError, DataError, StageError
from oddqso.runs.directory import RunDirectory
from oddqso.runs.files import read_json, write_json
from oddqso.runs.progress import Progress, Silent
from oddqso.simulation.truth import ORDINARY, true_classes
from oddqso.stages.report import TRUTH
from oddqso.stages.rows import check_same_targets
from oddqso.validation.gate_params import GateParams

if TYPE_CHECKING:  # scipy.stats stands behind them: not at the start of a command line
    from oddqso.validation.entrapment import Entrapment
    from oddqso.validation.trial import HeldOut, Verdict

FOLDER = "validation"
_FACTS = ("TARGETID", "Z", "SNR", "COVERAGE", "STRICT", "SPLIT", "QUALITY")


def gate(
    run: Path | str, *, params: GateParams | None = None, progress: Progress | None = None
) -> "tuple[Verdict, ...]":
    """Send the lists of a simulated run through the simulation gate, and those of naive methods with them.

    Parameters
    ----------
    run : path
        A complete run on a simulated survey.
    params : GateParams, optional
        How often the split is drawn anew, and how good the simulated vetters are.
    progress : Progress, optional
        Is told how far it has come.

    Returns
    -------
    tuple of Verdict
        Ours first; they are written to ``validation/gate.json`` too.

    Raises
    ------
    ConfigError
        If the run is not on a simulated survey.
    StageError
        If it is not complete.
    """
    from oddqso.validation.trial import N_STEPS, trial

    directory, record = _complete(run)
    params, progress = params or GateParams(), progress or Silent()
    held_out = read_held_out(directory, Path(record["input"]))
    settings = make_settings(record["settings"], "the settings in run.json")
    began = time.monotonic()
    progress.begin("gate", N_STEPS, 0, "")
    verdicts = tuple(trial(held_out, settings.significance, params, follow=lambda _: progress.advance(1)))
    progress.end("gate", time.monotonic() - began, "")
    path = directory.root / FOLDER / "gate.json"
    path.parent.mkdir(exist_ok=True)
    content = {"params": params.model_dump(mode="json"), "methods": [verdict.as_dict() for verdict in verdicts]}
    write_json(path, content)
    return verdicts


def entrap(
    run: Path | str, *, ordinary: Path | str | None = None, share: float = 0.2, seed: int = 1
) -> "tuple[Entrapment, ...]":
    """The false share of a run's lists, from known-ordinary spectra in its TEST split.

    Parameters
    ----------
    run : path
        A complete run.
    ordinary : path, optional
        A file of the TARGETIDs that are known to be ordinary, chosen without a look at their scores. Without it they
        are drawn from the truth of a simulated survey.
    share : float
        The share of the ordinary TEST spectra that is drawn then.
    seed : int
        Of that draw.

    Returns
    -------
    tuple of Entrapment
        One for each list, by rising rate; they are written to ``validation/entrapment.json`` too.

    Raises
    ------
    DataError
        If a TARGETID is unknown or not in TEST.
    ConfigError
        If there is neither a file nor a truth.
    StageError
        If the run is not complete.
    """
    from oddqso.validation.entrapment import entrapment, hide, read_ordinary

    directory, record = _complete(run)
    facts = directory.shards("prepare").columns("TARGETID", "Z", "SPLIT")
    table = pq.read_table(directory.stage("significance") / "table.parquet")
    check_same_targets(facts, table)
    target_id, split = facts["TARGETID"].to_numpy(), np.asarray(facts["SPLIT"].to_pylist(), dtype="U11")
    if ordinary is None:
        if not 0 < share < 1:
            raise ConfigError(f"a share of {share:g} cannot be hidden; give one between 0 and 1")
        _, odd, told = _truth(target_id, facts["Z"].to_numpy(), Path(record["input"]))
        known = np.sort(target_id[(split == "TEST") & told & ~odd])
        chosen = np.random.default_rng(seed).permutation(known)[: max(1, round(share * len(known)))]
    else:
        chosen = read_ordinary(Path(ordinary))
    hidden = hide(target_id, split, chosen, str(directory.root))
    tested = (split == "TEST") & table["SCORE"].is_valid().to_numpy()
    tiers = read_json(directory.stage("significance") / "certificate.json")["tiers"]
    found = tuple(
        entrapment(_listed(table, tier["alpha_applied"])[tested], hidden[tested], tier["alpha"]) for tier in tiers
    )
    path = directory.root / FOLDER / "entrapment.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"ordinary": str(ordinary) if ordinary else None, "lists": [one.as_dict() for one in found]})
    return found


def _listed(table: pa.Table, alpha_applied: float) -> NDArray[np.bool_]:
    """Which spectra are on one of a run's lists, (n_spec,)."""
    q = table["Q_VALUE"].to_numpy(zero_copy_only=False)
    listed: NDArray[np.bool_] = np.nan_to_num(q.astype(np.float64), nan=1.0) <= alpha_applied
    return listed


def _complete(run: Path | str) -> tuple[RunDirectory, dict[str, Any]]:
    """The directory of a run whose scores have been judged, and its record."""
    directory = RunDirectory(Path(run))
    record = directory.record()
    if record is None:
        raise ConfigError(f"{run} is no run: it has no run.json")
    for stage in ("prepare", "score", "significance"):
        if directory.manifest(stage) is None:
            raise StageError(f"stage {stage} of {run} is not complete; run `oddqso run --run {run}`")
    return directory, record


def read_held_out(directory: RunDirectory, survey: Path) -> "HeldOut":
    """All spectra of a run with what `assess` reads, their final scores and their truth."""
    from oddqso.validation.trial import HeldOut

    facts = directory.shards("prepare").columns(*_FACTS)
    shards = directory.shards("score")
    names = [name for name in next(iter(shards)).column_names if name.startswith("SCORE_")]
    scores = shards.columns("TARGETID", *names)
    table = pq.read_table(directory.stage("significance") / "table.parquet", columns=["TARGETID", "SCORE"])
    check_same_targets(facts, scores, table)
    known = pa.table([*facts.columns, *scores.drop_columns("TARGETID").columns], [*facts.column_names, *names])
    final = table["SCORE"].to_numpy(zero_copy_only=False).astype(np.float64)
    _, odd, told = _truth(facts["TARGETID"].to_numpy(), facts["Z"].to_numpy(), survey)
    return HeldOut(known, final, odd, told)


def _truth(
    target_id: NDArray[np.int64], z: NDArray[np.float64], survey: Path
) -> tuple[Sequence[str | None], NDArray[np.bool_], NDArray[np.bool_]]:
    """Class of each spectrum, whether it is odd, and whether the truth tells."""
    path = survey / TRUTH
    if not path.exists():
        raise ConfigError(
            f"{survey} has no {TRUTH}: what is odd is known of simulated surveys only (`oddqso simulate`)"
        )
    classes = true_classes(target_id, z, pq.read_table(path))
    told = np.array([name is not None for name in classes])
    if not told.any():
        raise DataError(f"{path} tells of none of the run's spectra; was the survey replaced?")
    return classes, np.array([name not in (None, ORDINARY) for name in classes]), told
