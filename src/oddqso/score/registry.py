"""The list of detectors."""

from importlib.metadata import entry_points
from typing import Final

from oddqso.errors import ConfigError
from oddqso.score.chi2 import Chi2Score
from oddqso.score.filters import BroadScore, NarrowScore
from oddqso.score.forest import ForestScore
from oddqso.score.gmm import GmmScore
from oddqso.score.kl import KlScore
from oddqso.score.lines import LinesScore
from oddqso.score.protocol import Score

SCORES: Final[tuple[type[Score], ...]] = (
    Chi2Score, NarrowScore, BroadScore, LinesScore, GmmScore, ForestScore, KlScore
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
