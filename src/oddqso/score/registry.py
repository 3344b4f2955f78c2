"""The list of detectors."""

from importlib.metadata import entry_points
from typing import Final

from oddqso.errors import ConfigError, DataError
from oddqso.score.chi2 import Chi2Score
from oddqso.score.elbo import ElboScore
from oddqso.score.filters import BroadScore, NarrowScore
from oddqso.score.forest import ForestScore
from oddqso.score.gmm import GmmScore
from oddqso.score.join import JoinScore
from oddqso.score.kl import KlScore
from oddqso.score.knn import KnnScore
from oddqso.score.lines import LinesScore
from oddqso.score.params import FitParams
from oddqso.score.protocol import Arrays, Score
from oddqso.score.pyod import PREFIX, pyod_score
from oddqso.score.redshift import RedshiftScore

SCORES: Final[tuple[type[Score], ...]] = (
    Chi2Score, NarrowScore, BroadScore, JoinScore, LinesScore, RedshiftScore, GmmScore, KnnScore, ForestScore, KlScore,
    ElboScore,
)  # fmt: skip
"""Ours, in the order of their columns."""

ENTRY_POINTS: Final = "oddqso.scores"
"""Packages offer detectors of their own as classes under this entry point group."""


def plugin_scores() -> tuple[type[Score], ...]:
    """The detectors that installed packages offer, by name.

    Raises
    ------
    ConfigError
        If a package cannot be loaded, or two detectors share a name.
    """
    found: dict[str, type[Score]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        try:
            kind = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"the detector {point.name} of {point.value} cannot be loaded: {error}") from error
        if kind.name in found or kind.name in {ours.name for ours in SCORES}:
            raise ConfigError(f"{point.value} is named {kind.name}, as another detector is; uninstall one of them")
        found[kind.name] = kind
    return tuple(found[name] for name in sorted(found))


def scores_of(params: FitParams) -> tuple[type[Score], ...]:
    """The detectors that the settings ask for: ours, PyOD's, other packages'.

    Raises
    ------
    ConfigError
        If a detector of PyOD stands twice, or one cannot be loaded.
    """
    if len(set(params.pyod)) != len(params.pyod):
        raise ConfigError(f"[fit] pyod names a detector twice: {', '.join(params.pyod)}")
    return SCORES + tuple(map(pyod_score, params.pyod)) + (plugin_scores() if params.plugins else ())


def scores_fitted(fitted: dict[str, Arrays]) -> tuple[type[Score], ...]:
    """The detectors that were fitted, in the order of their columns.

    Raises
    ------
    DataError
        If one of ours was not fitted, or a fitted one is not installed.
    """
    ours = {kind.name for kind in SCORES}
    if missing := ours - set(fitted):
        raise DataError(f"no fitted detector {', '.join(sorted(missing))}; run the stage fit again")
    others = sorted(set(fitted) - ours)
    found = {name: pyod_score(str(fitted[name]["detector"])) for name in others if name.startswith(PREFIX)}
    if set(others) - set(found):
        found |= {kind.name: kind for kind in plugin_scores()}
    if unknown := set(others) - set(found):
        raise DataError(f"the fitted detector {', '.join(sorted(unknown))} is not installed; install its package")
    return SCORES + tuple(found[name] for name in others)
