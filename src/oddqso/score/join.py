"""Steps where two arms of the spectrograph meet: the flux calibration of one arm is off."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training

JOINS_ANGSTROM: Final = ((5760.0, 5800.0), (7520.0, 7620.0))
"""Where both arms see the same light, observed frame: B and R, R and Z."""

_LEAST_WEIGHT = 0.02
_MIN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class JoinScore:
    r"""The larger of the two steps, in standard deviations.

    On each side of a join the flux is measured in units of the model, :math:`a = \sum t y w f / \sum t y^2 w`, with
    :math:`w = 1/(1/\mathrm{ivar} + \sigma_m^2)` and a weight :math:`t = \exp(-|\lambda - \lambda_0| / L)` from the
    join's edge on. What a model can take for a slope of the quasar it does, and a step is absorbed within a few hundred
    Angstrom: the nearest pixels tell most. The step is the difference of both sides; in its error, a share
    (``coherence``) of the model's own is common to all pixels of a side. Lines near a join are in the model, too, and
    drop out. Where an arm is missing there is no step.
    """

    params: ScoreParams = field(default_factory=ScoreParams)

    name: ClassVar[str] = "JOIN"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(score)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Itself: nothing to learn."""
        return self

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32 [sigma]; 0 where no join is seen from both sides."""
        _, sigma = join_steps(evidence, self.params)
        score: NDArray[np.float32] = np.abs(sigma).max(axis=1).astype(np.float32)
        return score

    def columns(self, evidence: Evidence) -> Arrays:
        """The score; JOIN_STEP, red side minus blue side as a share of the model; and JOIN_WAVE [Angstrom]."""
        step, sigma = join_steps(evidence, self.params)
        largest = np.abs(sigma).argmax(axis=1)
        row = np.arange(len(evidence))
        seen = np.abs(sigma).max(axis=1) > 0
        middle = np.mean(JOINS_ANGSTROM, axis=1)
        return {
            "SCORE_JOIN": np.abs(sigma).max(axis=1).astype(np.float32),
            "JOIN_STEP": np.where(seen, step[row, largest], np.nan).astype(np.float32),
            "JOIN_WAVE": np.where(seen, middle[largest], np.nan).astype(np.float32),
        }

    def to_arrays(self) -> Arrays:
        """Nothing."""
        return {}

    def from_arrays(self, arrays: Arrays) -> Self:
        """Itself."""
        return self


def join_steps(evidence: Evidence, params: ScoreParams) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The step at each join, as a share of the model, and the same in standard deviations; (n_spec, n_join) each.

    Both are 0 where fewer than 30 % of a side's weight lies on good pixels.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from oddqso.score.examples import make_evidence
    >>> evidence = make_evidence(1, snr=20)
    >>> offset = replace(evidence, flux=evidence.flux * np.where(evidence.wave > 7570, 1.1, 1).astype(np.float32))
    >>> step, sigma = join_steps(offset, ScoreParams())
    >>> step.round(1).tolist(), bool(sigma[0, 1] > 5)
    ([[0.0, 0.1]], True)
    """
    step, sigma = np.zeros((2, len(evidence), len(JOINS_ANGSTROM)))
    settings = np.array([params.join_length_angstrom, params.coherence, params.model_floor])
    _steps(*evidence.pixels(), evidence.wave, np.array(JOINS_ANGSTROM), settings, step, sigma)
    return step, sigma


@njit(cache=True, nogil=True)
def _side(
    flux: Any, ivar: Any, model: Any, model_sigma: Any, weight: Any, first: int, coherence: float, least: float
) -> Any:
    """Flux in units of the model, minus 1, over the pixels from ``first`` on; its variance, or -1 if few are good."""
    top = scale = power = common = seen = 0.0
    for t in range(weight.shape[0]):
        j = first + t
        if ivar[j] > 0:
            y = max(abs(model[j]), least)
            w = weight[t] / (1 / ivar[j] + model_sigma[j] * model_sigma[j])
            top += w * y * (flux[j] - model[j])
            scale += w * y * y
            power += w * weight[t] * y * y
            common += w * y * coherence * model_sigma[j]
            seen += weight[t]
    if seen < _MIN_SHARE * weight.sum() or not scale > 0:
        return 0.0, -1.0
    return top / scale, (power + common * common) / (scale * scale)


@njit(cache=True, nogil=True)
def _steps(
    flux: Any, ivar: Any, model: Any, model_sigma: Any, wave: Any, joins: Any, settings: Any, step: Any, sigma: Any
) -> None:
    """Fill ``step`` and ``sigma`` (n_spec, n_join) from (n_spec, n_wave) float32 arrays; ``joins`` (n_join, 2)."""
    length, coherence, floor = settings[0], settings[1], settings[2]
    n_wave, pixel = wave.shape[0], wave[1] - wave[0]
    n_tap = math.ceil(-length * math.log(_LEAST_WEIGHT) / pixel)
    falling = np.exp(-np.arange(n_tap) * pixel / length)
    rising = falling[::-1].copy()
    for i in range(flux.shape[0]):
        total = 0.0
        n_good = 0
        for j in range(n_wave):
            if ivar[i, j] > 0:
                total += abs(model[i, j])
                n_good += 1
        if n_good == 0:
            continue
        least = floor * total / n_good
        for k in range(joins.shape[0]):
            low = math.ceil((joins[k, 0] - wave[0]) / pixel)
            high = math.floor((joins[k, 1] - wave[0]) / pixel) + 1
            first, last = max(low - n_tap, 0), min(high + n_tap, n_wave)
            if low - first < 1 or last - high < 1:
                continue
            blue, blue_variance = _side(
                flux[i], ivar[i], model[i], model_sigma[i], rising[n_tap - (low - first) :], first, coherence, least
            )
            red, red_variance = _side(
                flux[i], ivar[i], model[i], model_sigma[i], falling[: last - high], high, coherence, least
            )
            if blue_variance > 0 and red_variance > 0:
                step[i, k] = red - blue
                sigma[i, k] = (red - blue) / math.sqrt(blue_variance + red_variance)
