"""Detectors of the package PyOD, by name, where their score of a spectrum depends on that spectrum alone."""

import importlib
import inspect
import pkgutil
import warnings
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from oddqso.errors import ConfigError, DataError, StageError
from oddqso.score.evidence import Evidence
from oddqso.score.latents import ActiveUnits, active_units
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Score, Training

PREFIX: Final = "PYOD_"
"""How the names of these detectors begin."""

_TRIED: Final = 24
_SAME: Final = 1e-9
_EXTREME: Final = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class PyodScore:
    """A detector of PyOD on the active latent units, with its own defaults and the run's seed.

    A fitted one is stored as what it was fitted to, and fitted again when it is loaded: a pickle could run any code,
    and binds to versions without a word. PyOD's version is stored, and another one is refused.
    """

    detector: ClassVar[str]
    """Name of PyOD's class."""

    params: FitParams = field(default_factory=FitParams)
    units: ActiveUnits | None = None
    reference: NDArray[np.float32] | None = None
    seed: int = 0
    model: Any = None

    name: ClassVar[str]

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(fit)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Find the active units, fit PyOD's detector to a random choice of spectra, and see that it keeps promises.

        Raises
        ------
        ConfigError
            If the score of a spectrum depends on the others, or a second fit does not give the same.
        """
        units = active_units(training.embedding, self.params)
        chosen = np.sort(rng.permutation(len(training.embedding))[: self.params.pyod_reference])
        reference = units(training.embedding.latent[chosen])
        seed = int(rng.integers(2**31))
        model = _fitted(self.detector, reference, seed)
        _check_rows(self.detector, model, reference)
        again = _fitted(self.detector, reference, seed)
        if not np.array_equal(_scores(model, reference[:_TRIED]), _scores(again, reference[:_TRIED])):
            raise ConfigError(
                f"the detector {self.detector} of PyOD cannot be used: fitted twice to the same spectra, it scores "
                "differently; take it out of [fit] pyod"
            )
        return replace(self, units=units, reference=reference, seed=seed, model=model)

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32; what it means is PyOD's to say."""
        if self.units is None or self.model is None:
            raise StageError(f"the detector {self.name} was not fitted; call fit, or load a fitted one")
        return _scores(self.model, self.units(evidence.latent)).astype(np.float32)

    def to_arrays(self) -> Arrays:
        """Active units, what it was fitted to, seed, PyOD's class and version."""
        if self.units is None or self.reference is None:
            return {}
        return self.units.to_arrays() | {
            "reference": self.reference, "seed": np.array(self.seed, np.int64),
            "detector": np.array(self.detector), "version": np.array(_version()),
        }  # fmt: skip

    def from_arrays(self, arrays: Arrays) -> Self:
        """Fitted again to what `to_arrays` gave.

        Raises
        ------
        DataError
            If it was fitted with another version of PyOD.
        """
        if (found := _version()) != (stored := str(arrays["version"])):
            raise DataError(f"{self.name} was fitted with PyOD {stored}, found {found}; run the stage fit again")
        reference, seed = np.ascontiguousarray(arrays["reference"], np.float32), int(arrays["seed"])
        model = _fitted(self.detector, reference, seed)
        return replace(self, units=ActiveUnits.from_arrays(arrays), reference=reference, seed=seed, model=model)


def pyod_score(detector_name: str) -> type[Score]:
    """The detector PYOD_<NAME> of a class of PyOD.

    Raises
    ------
    ConfigError
        If PyOD is not installed or has no such detector.
    """
    _detector(detector_name)

    class Named(PyodScore):
        __slots__ = ()
        detector: ClassVar[str] = detector_name
        name: ClassVar[str] = PREFIX + detector_name.upper()

    return Named


def _version() -> str:
    return str(_module("pyod").__version__)


def _module(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that PyOD could use and that there are not
            return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"[fit] pyod: {name} cannot be imported ({error}); is it installed? pip install 'oddqso[pyod]'"
        ) from error


def _detector(name: str) -> Any:
    """The class of PyOD of that name."""
    models = _module("pyod.models")
    found = {module.name.replace("_", ""): module.name for module in pkgutil.iter_modules(models.__path__)}
    if name.lower() in found:
        kind = getattr(_module(f"pyod.models.{found[name.lower()]}"), name, None)
        if inspect.isclass(kind) and hasattr(kind, "decision_function"):
            return kind
    raise ConfigError(f"PyOD has no detector {name!r}; [fit] pyod takes names of its classes, as LOF, HBOS, KNN, PCA")


def _fitted(name: str, x: NDArray[np.float32], seed: int) -> Any:
    """PyOD's detector fitted to ``x``, (n_spec, n_dim)."""
    kind = _detector(name)
    takes = inspect.signature(kind).parameters
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        try:
            model = kind(**({"random_state": seed} if "random_state" in takes else {}))
            model.fit(x.astype(np.float64))
        except (TypeError, ValueError, ImportError, np.linalg.LinAlgError) as error:
            raise ConfigError(f"the detector {name} of PyOD cannot be fitted: {error}") from error
    return model


def _scores(model: Any, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Higher is odder, as everywhere in PyOD; (n_spec,)."""
    if not len(x):
        return np.empty(0)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return np.asarray(model.decision_function(x.astype(np.float64)), dtype=np.float64).ravel()


def _check_rows(name: str, model: Any, x: NDArray[np.float32]) -> None:
    """Refuse a detector that scores a row alone, in another order or beside an extreme one otherwise."""
    rows = x[:_TRIED]
    company = np.concatenate([rows, np.full_like(rows[:1], _EXTREME)])
    advice = "so its p-value would depend on the batch; take it out of [fit] pyod"
    try:
        together = _scores(model, rows)
        trials = {
            "alone": np.array([_scores(model, row[None])[0] for row in rows]),
            "in another order": _scores(model, rows[::-1])[::-1],
            "beside an extreme one": _scores(model, company)[:-1],
        }
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ConfigError(
            f"the detector {name} of PyOD cannot be used: it cannot score a spectrum alone ({error}), {advice}"
        ) from error
    for how, scores in trials.items():
        apart = np.abs(scores - together).max() / max(np.abs(together).max(), 1e-300)
        if not apart <= _SAME:
            raise ConfigError(
                f"the detector {name} of PyOD cannot be used: a spectrum scored {how} differs by {apart:.2g} "
                f"(relative) from the same one in company, {advice}"
            )
