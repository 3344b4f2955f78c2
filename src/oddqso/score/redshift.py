"""Whether another redshift explains a spectrum better than the one it is filed under.

On a logarithmic grid a redshift is a translation: the trained model's mean and components are slid along the spectrum
and fitted at every shift, as redshift fitters do (Bolton et al. 2012, AJ 144, 144). The data are used directly, not
the encoder's reconstruction, which was made for the filed redshift and does its best to fit it.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.errors import DataError, StageError
from oddqso.score.evidence import Evidence
from oddqso.score.params import FitParams, ScoreParams
from oddqso.score.protocol import Arrays, Training
from oddqso.spectra.grid import LOG_STEP, N_MODEL, native_grid
from oddqso.spectra.templates import RestTemplates

_BIN: Final = 16
"""Pixels of the model grid that are taken together, 1200 km/s: broad lines are wider."""

_N_BIN: Final = N_MODEL // _BIN
_FIRST_ANGSTROM: Final = float(native_grid()[0])

# Mean transmission blueward of Lyman alpha and beta: Kamble et al. 2020, ApJ 892, 70; beta as in the DESI mocks.
_FOREST: Final = ((1215.67, 1.0), (1025.72, 5.26))
_TAU, _SLOPE = 5.54e-3, 3.182

_BIN_KMS: Final = 299_792.458 * _BIN * LOG_STEP
_SOFT: Final = 100.0
"""Improvement beyond which the score goes as its root."""
_DOF: Final = 5.0
"""Of the Student errors."""
_STEPS: Final = 3
"""Rounds of weighting in a robust fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Slides:
    """Templates averaged over bins, at each of the ``_BIN`` phases that a bin may have in the rest frame.

    Parameters
    ----------
    columns : (_BIN, n_template, n_rest_bin) float32
        ``columns[p, k, i]`` is template ``k`` averaged over the rest-frame pixels ``p + _BIN i`` and the next ones.
    products : (_BIN, n_pair, n_rest_bin) float32
        Products of the first ``n_scan`` of them with each other, upper triangle row by row.
    transmission : (n_shift, _N_BIN) float32
        Mean transmission of the bins, for every whole ``_BIN`` of shift; no phase.
    """

    columns: NDArray[np.float32]
    products: NDArray[np.float32]
    transmission: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RedshiftScore:
    """How much better the best other redshift explains a spectrum than the one it is filed under.

    Fits at every redshift use the same pixels with the same errors: noise, and ``redshift_error`` of the flux itself.
    Strengths of the components are drawn to the model's prior, and what a fit gains by its freedom alone is taken off
    again (Laplace's approximation of the evidence), so that lines that are shifted out of sight are no gain. The most
    promising other redshifts of the scan are fitted again with all components and Student errors, and so is the filed
    one; all within half a bin. The improvement is the difference in minus twice the log evidence, as a chi-square
    counts; the score is about its root with its sign, negative where the filed redshift is the best.
    """

    params: ScoreParams = field(default_factory=ScoreParams)
    templates: RestTemplates | None = None
    slides: Slides | None = None

    name: ClassVar[str] = "REDSHIFT"

    @classmethod
    def make(cls, fit: FitParams, score: ScoreParams) -> Self:
        """A detector with these settings."""
        return cls(score)

    def fit(self, training: Training, rng: np.random.Generator) -> Self:
        """Take the templates of the model.

        Raises
        ------
        DataError
            If there are none.
        """
        if training.templates is None:
            raise DataError("the REDSHIFT detector needs the templates of a trained model; train one first")
        return self._with(training.templates)

    def _with(self, templates: RestTemplates) -> Self:
        return replace(self, templates=templates, slides=make_slides(templates, self.params.redshift_scan_templates))

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """(n_spec,) float32, NaN where nothing can be fitted."""
        score: NDArray[np.float32] = self.columns(evidence)["SCORE_REDSHIFT"]
        return score

    def columns(self, evidence: Evidence) -> Arrays:
        """Score, best other redshift, and the improvement."""
        if self.templates is None or self.slides is None:
            raise StageError("the REDSHIFT detector was not fitted; call fit, or load a fitted one")
        flux, ivar = evidence.pixels()[:2]
        n_spec = len(evidence)
        out = np.full((n_spec, 2), np.nan)
        z_max = _FIRST_ANGSTROM / float(self.templates.wave[0]) - 1
        offset = _offsets(evidence.z, z_max, len(self.templates.wave))
        slides, params = self.slides, self.params
        _improve(
            flux, ivar, _BIN_OF, offset, slides.columns, slides.products, slides.transmission,
            params.redshift_error, params.redshift_apart_kms, params.redshift_candidates, out,
        )  # fmt: skip
        best = (1 + z_max) * np.exp(-LOG_STEP * out[:, 1]) - 1
        return {
            "SCORE_REDSHIFT": (out[:, 0] / np.sqrt(_SOFT + np.abs(out[:, 0]))).astype(np.float32),
            "REDSHIFT_BEST_Z": best.astype(np.float32),
            "REDSHIFT_DELTA_CHI2": out[:, 0].astype(np.float32),
        }

    def to_arrays(self) -> Arrays:
        """The templates."""
        if self.templates is None:
            return {}
        return {"wave": self.templates.wave, "flux": self.templates.flux}

    def from_arrays(self, arrays: Arrays) -> Self:
        """From what `to_arrays` gave."""
        return self._with(RestTemplates(arrays["wave"], arrays["flux"]))


_BIN_OF: Final = np.minimum(
    np.log(native_grid() / (_FIRST_ANGSTROM * math.exp(-LOG_STEP / 2))) / (_BIN * LOG_STEP), _N_BIN - 1
).astype(np.int64)
"""The bin of each native pixel."""


def make_slides(templates: RestTemplates, n_scan: int) -> Slides:
    """Averages, products and transmissions that the fits need.

    Examples
    --------
    >>> from oddqso.score.examples import make_templates
    >>> slides = make_slides(make_templates(), 4)
    >>> slides.columns.shape[0], slides.products.shape[1]
    (16, 10)
    """
    n_rest = len(templates.wave) // _BIN - 1
    total = np.cumsum(np.pad(templates.flux.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    start = np.arange(_BIN)[:, None] + _BIN * np.arange(n_rest)  # (_BIN, n_rest_bin)
    columns = ((total[:, start + _BIN] - total[:, start]) / _BIN).transpose(1, 0, 2)  # (_BIN, n_template, n_rest_bin)
    upper = np.triu_indices(min(n_scan, len(templates.flux)))
    products = columns[:, upper[0]] * columns[:, upper[1]]
    shift = np.arange(max(n_rest - _N_BIN + 1, 1))
    rest = templates.wave[np.minimum(_BIN * (shift[:, None] + np.arange(_N_BIN)) + _BIN // 2, len(templates.wave) - 1)]
    observed = _FIRST_ANGSTROM * np.exp(LOG_STEP * (_BIN * np.arange(_N_BIN) + _BIN / 2))
    tau = sum((np.where(rest < wave, _TAU / part * (observed / wave) ** _SLOPE, 0.0) for wave, part in _FOREST), 0.0)
    tau = tau + np.where(rest < 911.75, 3.0, 0.0)
    return Slides(
        np.ascontiguousarray(columns, np.float32), np.ascontiguousarray(products, np.float32),
        np.exp(-tau).astype(np.float32),
    )  # fmt: skip


def _offsets(z: NDArray[np.float64], z_max: float, n_rest: int) -> NDArray[np.int64]:
    """Rest-frame pixel of the first bin at the filed redshifts, moved into the range of the templates."""
    known = np.clip(np.nan_to_num(z, nan=0.0, posinf=z_max), -0.5, z_max)
    offset = np.rint((math.log1p(z_max) - np.log1p(known)) / LOG_STEP).astype(np.int64)
    return np.asarray(np.clip(offset, 0, _BIN * (n_rest // _BIN - 1 - _N_BIN) - 1))


@njit(cache=True, nogil=True)
def _rebin(flux: Any, ivar: Any, bin_of: Any, error: float, value: Any, weight: Any) -> float:
    """Fill ``value`` and ``weight`` (n_bin,) of one spectrum; gives its mean absolute level, 0 if it has none.

    The error of a bin is its noise and a share of the flux around it; both are the same at every redshift.
    """
    n_bin = len(value)
    value[:] = 0
    weight[:] = 0
    for j in range(len(flux)):
        if ivar[j] > 0:
            value[bin_of[j]] += ivar[j] * flux[j]
            weight[bin_of[j]] += ivar[j]
    top, bottom = 0.0, 0.0
    for j in range(n_bin):
        if weight[j] > 0:
            value[j] /= weight[j]
            top += weight[j] * value[j]
            bottom += weight[j]
    level = top / bottom if bottom > 0 else 0.0
    if level <= 0:
        return 0.0
    raw = weight.copy()
    for j in range(n_bin):
        if raw[j] > 0:
            near, much = 0.0, 0.0
            for k in range(max(0, j - 6), min(n_bin, j + 7)):
                near += raw[k] * value[k]
                much += raw[k]
            scale = max(near / much, 0.2 * level)
            weight[j] = 1 / (1 / raw[j] + (error * scale) ** 2)
    return level


@njit(cache=True, nogil=True, fastmath=True)
def _dot(a: Any, b: Any) -> Any:
    total = np.float32(0)
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@njit(cache=True, nogil=True)
def _solve(matrix: Any, right: Any, n: int) -> float:
    """Gain ``right^T matrix^-1 right`` minus log determinant; ``right`` becomes the solution, ``matrix`` its root."""
    logdet = 0.0
    for i in range(n):
        for j in range(i + 1):
            total = matrix[j, i]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                if total <= 0:
                    return -np.inf
                matrix[i, i] = math.sqrt(total)
                logdet += math.log(total)
            else:
                matrix[i, j] = total / matrix[j, j]
    gain = 0.0
    for i in range(n):
        total = right[i]
        for k in range(i):
            total -= matrix[i, k] * right[k]
        right[i] = total / matrix[i, i]
        gain += right[i] * right[i]
    for i in range(n - 1, -1, -1):
        total = right[i]
        for k in range(i + 1, n):
            total -= matrix[k, i] * right[k]
        right[i] = total / matrix[i, i]
    return gain - logdet


@njit(cache=True, nogil=True)
def _add_prior(matrix: Any, right: Any, n: int) -> float:
    """Add the prior to the diagonal: all in units of the mean's own amplitude, which is returned; 0 if there is none.

    The amplitude itself has a wide prior, as in `oddqso.embed.linear`.
    """
    amplitude = right[0] / matrix[0, 0] if matrix[0, 0] > 0 else 0.0
    if amplitude <= 0:
        return 0.0
    matrix[0, 0] += 0.1 / amplitude**2
    for k in range(1, n):
        matrix[k, k] += 1 / amplitude**2
    return float(amplitude)


@njit(cache=True, nogil=True)
def _scan(
    value: Any, weight: Any, phase: Any, columns: Any, products: Any, transmission: Any, n_scan: int, gain: Any
) -> None:
    """Fill ``gain`` (n_shift,): twice the log evidence of each shift, up to a constant; few templates, plain errors."""
    n_bin = len(value)
    plain, plain_value = weight.astype(np.float32), (weight * value).astype(np.float32)
    square, times = np.empty(n_bin, np.float32), np.empty(n_bin, np.float32)
    matrix, right = np.empty((n_scan, n_scan)), np.empty(n_scan)
    for shift in range(len(gain)):
        w, v = plain, plain_value
        if transmission[shift, 0] < 1:
            for j in range(n_bin):
                times[j] = plain_value[j] * transmission[shift, j]
                square[j] = plain[j] * transmission[shift, j] * transmission[shift, j]
            w, v = square, times
        pair = 0
        for a in range(n_scan):
            right[a] = _dot(v, columns[phase, a, shift : shift + n_bin])
            for b in range(a, n_scan):
                matrix[a, b] = _dot(w, products[phase, pair, shift : shift + n_bin])
                pair += 1
        amplitude = _add_prior(matrix, right, n_scan)
        gain[shift] = -np.inf
        if amplitude > 0:
            gain[shift] = _solve(matrix, right, n_scan) - 2 * n_scan * math.log(amplitude)


@njit(cache=True, nogil=True)
def _loss(
    value: Any, weight: Any, offset: int, columns: Any, transmission: Any, seen: Any, matrix: Any, right: Any
) -> float:
    """Minus twice the log evidence at one offset: all templates, Student errors; infinite if nothing fits."""
    n, n_bin = seen.shape
    shift, phase = offset // _BIN, offset % _BIN
    nearest = min((offset + _BIN // 2) // _BIN, len(transmission) - 1)
    for k in range(n):
        for j in range(n_bin):
            seen[k, j] = columns[phase, k, shift + j] * transmission[nearest, j]
    times = np.empty(n_bin, np.float32)
    work = weight.astype(np.float32)
    model = np.empty(n_bin, np.float32)
    total = np.inf
    for _ in range(_STEPS):
        for a in range(n):
            for j in range(n_bin):
                times[j] = work[j] * seen[a, j]
            right[a] = _dot(times, value)
            for b in range(a, n):
                matrix[a, b] = _dot(times, seen[b])
        amplitude = _add_prior(matrix, right, n)
        if amplitude <= 0 or _solve(matrix, right, n) == -np.inf:
            return np.inf
        model[:] = 0
        for k in range(n):
            strength = np.float32(right[k])
            for j in range(n_bin):
                model[j] += strength * seen[k, j]
        total = 0.1 * (right[0] / amplitude) ** 2
        for k in range(n):
            total += 2 * math.log(matrix[k, k] * amplitude)
            if k > 0:
                total += (right[k] / amplitude) ** 2
        for j in range(n_bin):
            if weight[j] > 0:
                chi2 = weight[j] * (value[j] - model[j]) ** 2
                total += (_DOF + 1) * math.log1p(chi2 / _DOF)
                work[j] = weight[j] * (_DOF + 1) / (_DOF + chi2)
    return total


@njit(cache=True, nogil=True)
def _refine(
    value: Any, weight: Any, offset: int, last: int, columns: Any, transmission: Any, seen: Any, matrix: Any, right: Any
) -> Any:
    """Least loss around an offset, half a bin to both sides, and where it is."""
    half = _BIN // 2
    loss = np.full(3, np.inf)
    for i in range(3):
        at = offset + (i - 1) * half
        if 0 <= at <= last:
            loss[i] = _loss(value, weight, at, columns, transmission, seen, matrix, right)
    i = int(loss.argmin())
    place = float(offset + (i - 1) * half)
    bend = loss[0] - 2 * loss[1] + loss[2]
    if i == 1 and bend > 0 and bend < np.inf:
        place += half * 0.5 * (loss[0] - loss[2]) / bend
    return loss[i], place


@njit(cache=True, nogil=True)
def _improve(
    flux: Any, ivar: Any, bin_of: Any, offset: Any, columns: Any, products: Any, transmission: Any,
    error: float, apart_kms: float, n_candidate: int, out: Any,
) -> None:  # fmt: skip
    """Fill ``out`` (n_spec, 2): improvement, and the offset of the best other redshift."""
    n_shift, n_bin = transmission.shape
    n_shift -= 1  # room for the phase
    n_template = columns.shape[1]
    n_scan = int((math.sqrt(8 * products.shape[1] + 1) - 1) / 2)
    last = _BIN * n_shift - 1
    near = max(math.ceil(apart_kms / _BIN_KMS), 1)
    value, weight = np.empty(n_bin), np.empty(n_bin)
    value32 = np.empty(n_bin, np.float32)
    gain = np.empty(n_shift)
    seen = np.empty((n_template, n_bin), np.float32)
    matrix, right = np.empty((n_template, n_template)), np.empty(n_template)
    for i in range(len(flux)):
        level = _rebin(flux[i], ivar[i], bin_of, error, value, weight)
        if level <= 0:
            continue
        value /= level
        weight *= level * level
        value32[:] = value
        _scan(value, weight, offset[i] % _BIN, columns, products, transmission, n_scan, gain)
        filed = offset[i] // _BIN
        here, _ = _refine(value32, weight, offset[i], last, columns, transmission, seen, matrix, right)
        gain[max(filed - near + 1, 0) : filed + near] = -np.inf
        best, place = np.inf, np.nan
        for _ in range(n_candidate):
            top = int(gain.argmax())
            if gain[top] == -np.inf:
                break
            at = top * _BIN + offset[i] % _BIN
            loss, where = _refine(value32, weight, at, last, columns, transmission, seen, matrix, right)
            if loss < best:
                best, place = loss, where
            gain[max(top - 2, 0) : top + 3] = -np.inf
        if best < np.inf and here < np.inf:
            out[i, 0], out[i, 1] = here - best, place
