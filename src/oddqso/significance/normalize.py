"""Scores made comparable across S/N, redshift and coverage: their tail probability among ordinary spectra alike.

For a score s at x = (log S/N, z) the tail probability is 1 - F(s | x) in the bulk and, beyond its quantile q_u, a
generalized Pareto tail (1 - u) (1 + xi (s - q_u) / sigma)**(-1 / xi), as in Pickands 1975. F has three steps, so that
few spectra go far: center and width of the score follow S/N and z one after the other; what both do together is taken
from a map; the shape of what remains changes slowly. With 200 spectra the map is a plane and the shape one for all,
with 300,000 both have details. All this is done to ``asinh`` of the score, in which most are tame; an exponential
tail there is a power law in the score itself, so the very odd stay apart and no lighter tail is ever trusted.

What comes out is *not* a p-value. It makes scores comparable and no more; p-values come from spectra that nothing has
seen (`oddqso.significance.conformal`), and do not need what is done here to be true.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.significance.params import NormalizeParams

_LEVELS = np.concatenate([[0.0], np.linspace(0.01, 0.99, 99)])
_MAX_NODES = 12
_N_STEPS = 4
_N_BEYOND = 8  # spectra, at least, beyond the edges of the range in which a score is followed
_XI = 0.02
_TINY = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class TailMap:
    """The tail probability of one score as a function of log S/N and redshift.

    Parameters
    ----------
    edges : (2, 2) float64
        Where log10(S/N), and z, have their place 0 and their place 1. For the few spectra beyond, the center goes on
        along its slope for at most one step of the nodes.
    origin, unit : () float64
        The score enters as ``asinh((score - origin) / unit)``.
    knots, knot_center, knot_log_width : (n_step, n_knot) float64
        Center and logarithm of the width along one axis at a time: log S/N, z, log S/N, z; each step of what the
        one before leaves.
    center, log_width : (n_node, n_node) float64
        Of what these leave; nodes evenly over the places.
    bulk : (n_shape, n_shape, n_level) float64
        Quantiles of the standardized score, up to the one where the tail begins.
    level : (n_level,) float64
        Of these quantiles; the last is u.
    tail : (n_shape, n_shape, 2) float64
        Shape xi, one for all nodes, and scale sigma of the tail.
    """

    edges: NDArray[np.float64]
    origin: NDArray[np.float64]
    unit: NDArray[np.float64]
    knots: NDArray[np.float64]
    knot_center: NDArray[np.float64]
    knot_log_width: NDArray[np.float64]
    center: NDArray[np.float64]
    log_width: NDArray[np.float64]
    bulk: NDArray[np.float64]
    level: NDArray[np.float64]
    tail: NDArray[np.float64]

    def __call__(self, score: NDArray[Any], log_snr: NDArray[Any], z: NDArray[Any]) -> NDArray[np.float64]:
        """Tail probability, (n_spec,) float64 in (0, 1]; NaN where anything is not finite."""
        out = np.full(len(score), np.nan)
        known = np.isfinite(score) & np.isfinite(log_snr) & np.isfinite(z)
        if known.any():
            place = _places(self.edges, log_snr[known], z[known])  # (n_known, 2)
            bent = np.arcsinh((score[known].astype(np.float64) - self.origin) / self.unit)
            for step in range(len(self.knots)):
                bent = _along(
                    place[:, step % 2], bent, self.knots[step], self.knot_center[step], self.knot_log_width[step]
                )
            standard = _standardize(bent, place, self.center, self.log_width)
            out[known] = self._tail_probability(standard, place)
        return out

    def _tail_probability(self, standard: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
        p = np.zeros(len(standard))
        for row, column, weight in _corners(self.bulk.shape[0], np.clip(place, 0.0, 1.0)):
            for node in np.unique(row * self.bulk.shape[0] + column):
                i, j = divmod(int(node), self.bulk.shape[0])
                here = (row == i) & (column == j) & (weight > 0)
                p[here] += weight[here] * self._at_node(standard[here], i, j)
        return np.clip(p, _TINY, 1.0)

    def _at_node(self, standard: NDArray[np.float64], i: int, j: int) -> NDArray[np.float64]:
        bulk, (xi, sigma), u = self.bulk[i, j], self.tail[i, j], self.level[-1]
        beyond = np.maximum(standard - bulk[-1], 0.0)
        return np.where(
            standard > bulk[-1],
            (1 - u) * (1 + xi * beyond / sigma) ** (-1 / xi),
            1 - np.interp(standard, bulk, self.level),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays, by name."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """From what `to_arrays` gave."""
        return cls(**arrays)


def fit_tail_map(score: NDArray[Any], log_snr: NDArray[Any], z: NDArray[Any], params: NormalizeParams) -> TailMap:
    """Fit the tail probability of one score to ordinary spectra.

    Parameters
    ----------
    score, log_snr, z : (n_spec,) float
        Of mostly ordinary spectra, all finite, at least two of them.
    params : NormalizeParams
        How many spectra a place needs, and where the tail begins.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> snr, z = rng.lognormal(0.5, 0.8, 4000), rng.uniform(0.8, 3, 4000)
    >>> score = rng.chisquare(4, 4000) * snr**2          # brighter is odder, until it is normalized
    >>> tail = fit_tail_map(score, np.log10(snr), z, NormalizeParams())(score, np.log10(snr), z)
    >>> [round(float((tail[part] < 0.1).mean()), 1) for part in (snr < 1, snr > 3)]
    [0.1, 0.1]
    """
    score = score.astype(np.float64)
    n = len(score)
    edges = np.array([np.quantile(x.astype(np.float64), _ends(n, 0.005)) for x in (log_snr, z)])
    origin, unit = _quiet(score, log_snr)
    bent = np.arcsinh((score - origin) / unit)
    place = _places(edges, log_snr, z)
    steps = []
    for step in range(_N_STEPS):
        steps.append(_axis(place[:, step % 2], bent, max(params.center_rows, n // 50)))
        bent = _along(place[:, step % 2], bent, *steps[-1])
    knots, knot_center, knot_log_width = (np.stack(part) for part in zip(*steps, strict=True))
    center, log_width = _centers(bent, place, max(2 * params.center_rows, n // 150))
    standard = _standardize(bent, place, center, log_width)

    shape_rows = max(params.shape_rows, n // 25)
    nearest = _neighborhoods(place, shape_rows)
    n_near = len(nearest[0][0])
    u = min(params.tail_level, max(0.95, 1 - params.tail_rows / n_near))
    level = np.append(_LEVELS[u - 1e-9 > _LEVELS], u)
    bulk = np.array([[np.quantile(standard[rows], level) for rows in line] for line in nearest])
    tail = _tails(bulk, level)
    return TailMap(
        edges,
        np.asarray(origin),
        np.asarray(unit),
        knots,
        knot_center,
        knot_log_width,
        center,
        log_width,
        bulk,
        level,
        tail,
    )


def _ends(n: int, share: float) -> tuple[float, float]:
    """The quantiles at which the known range of ``n`` spectra ends: a lone one at the edge is not its own measure."""
    lowest = min(max(share, _N_BEYOND / n), 0.1)
    return lowest, 1 - lowest


def _quiet(score: NDArray[np.float64], log_snr: NDArray[Any]) -> tuple[float, float]:
    """Median and width of the score among the spectra of that S/N where it varies least.

    From there on the score is taken in logarithms, for many scores grow with a power of S/N.
    """
    n_parts = min(max(len(score) // 50, 1), 8)
    parts = np.array_split(score[np.argsort(log_snr, kind="stable")], n_parts)
    low, middle, high = np.array([np.quantile(part, [0.1, 0.5, 0.9]) for part in parts]).T
    quietest = int(np.argmin(high - low))
    origin = float(middle[quietest])
    return origin, max(float(high[quietest] - low[quietest]) / 2, 1e-9 * max(abs(origin), 1e-9))


def _axis(
    x: NDArray[np.float64], values: NDArray[np.float64], n_rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Knots along one axis; center and logarithm of the width at each, from the ``n_rows`` nearest; (n_knot,) each."""
    n = len(x)
    order = np.argsort(x, kind="stable")
    n_knot = int(np.clip(round(2 * n / n_rows), 2, 60))
    placed = x[order]
    knots = np.quantile(x, np.linspace(*_ends(n, 0.002), n_knot))
    center, log_width = np.empty(n_knot), np.empty(n_knot)
    for k, knot in enumerate(knots):
        first = int(np.clip(np.searchsorted(placed, knot) - n_rows // 2, 0, max(n - n_rows, 0)))
        rows = order[first : first + n_rows]
        center[k], log_width[k] = _locally(values[rows], (x[rows] - knot)[:, None])
    return knots, center, np.maximum(log_width, max(np.median(log_width) - 7, -20))


def _along(
    x: NDArray[np.float64],
    values: NDArray[np.float64],
    knots: NDArray[np.float64],
    center: NDArray[np.float64],
    log_width: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Widths above the center along one axis, (n_spec,)."""
    standard: NDArray[np.float64] = (values - np.interp(x, knots, center)) * np.exp(-np.interp(x, knots, log_width))
    return standard


def _locally(values: NDArray[np.float64], offset: NDArray[np.float64]) -> tuple[float, float]:
    """Center and logarithm of the upper width of values at ``offset`` 0, both linear in ``offset`` (n_spec, n_axis).

    At the edge of the sample all neighbors lie on one side, and their plain quantiles would belong further in.
    """
    flat = values - offset @ _slope(values, offset)
    center = float(np.median(flat))
    flat -= center
    log_size = np.log(np.abs(flat) + 1e-3 * np.abs(flat).mean() + 1e-12)
    flat *= np.exp(-offset @ _slope(log_size, offset))
    return center, float(np.log(max(np.quantile(flat, 0.9), 1e-12)))


def _centers(
    bent: NDArray[np.float64], place: NDArray[np.float64], n_rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Center and logarithm of the upper width of a score at the nodes, (n_node, n_node) each.

    With few spectra all are neighbors, and two planes are what is taken out.
    """
    nearest = _neighborhoods(place, n_rows, least_nodes=2)
    n_node = len(nearest)
    nodes = _nodes(n_node)
    center, log_width = np.empty((n_node, n_node)), np.empty((n_node, n_node))
    for i in range(n_node):
        for j in range(n_node):
            rows = nearest[i][j]
            center[i, j], log_width[i, j] = _locally(bent[rows], place[rows] - [nodes[i], nodes[j]])
    return center, np.maximum(log_width, max(np.median(log_width) - 7, -20))


def _standardize(
    bent: NDArray[np.float64],
    place: NDArray[np.float64],
    center: NDArray[np.float64],
    log_width: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Widths above the center, (n_spec,)."""
    step = 1 / (len(center) - 1)
    beyond = np.clip(place, -step, 1 + step)
    middle = np.sum([weight * center[i, j] for i, j, weight in _corners(len(center), beyond)], axis=0)
    inside = np.clip(place, 0.0, 1.0)
    width = np.sum([weight * log_width[i, j] for i, j, weight in _corners(len(center), inside)], axis=0)
    standard: NDArray[np.float64] = (bent - middle) * np.exp(-width)
    return standard


def _slope(values: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slope of a plane through values, (n_axis,); those that lie far from it do not pull at it."""
    n = len(values)
    design = np.column_stack([np.ones(n), offset])
    solver = np.linalg.inv(design.T @ design + 1e-3 * n * np.diag(np.arange(design.shape[1]) > 0)) @ design.T
    plane = np.zeros(design.shape[1])
    for _ in range(3):
        rest = values - design @ plane
        ordered = np.partition(rest, (n // 10, n - 1 - n // 10))
        plane += solver @ np.clip(rest, ordered[n // 10], ordered[n - 1 - n // 10])
    slope: NDArray[np.float64] = plane[1:]
    return slope


def _tails(bulk: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape xi and scale sigma of a generalized Pareto tail at each node, (n_shape, n_shape, 2).

    The tail goes on as the distribution falls from its 80 % to its 95 % quantile. It is not taken from the spectra
    beyond: among those are the odd ones, who would teach it that they are ordinary.
    """
    start, end = (float(level[np.argmin(np.abs(level - x))]) for x in (0.8, min(0.95, level[-1])))
    low, high = (bulk[..., np.argmin(np.abs(level - x))] for x in (start, end))
    sigma = np.maximum(high - low, 1e-9) / np.log((1 - start) / (1 - end))
    return np.stack([np.full_like(sigma, _XI), sigma], axis=-1)


def _places(edges: NDArray[np.float64], log_snr: NDArray[Any], z: NDArray[Any]) -> NDArray[np.float64]:
    """(n_spec, 2), in log S/N and in z: between 0 and 1, but for the few beyond the edges."""
    length = np.maximum(edges[:, 1] - edges[:, 0], 1e-9)
    places: NDArray[np.float64] = (np.column_stack([log_snr, z]) - edges[:, 0]) / length
    return places


def _nodes(n_node: int) -> NDArray[np.float64]:
    return np.linspace(0.0, 1.0, n_node) if n_node > 1 else np.array([0.5])


def _neighborhoods(place: NDArray[np.float64], n_rows: int, least_nodes: int = 1) -> list[list[NDArray[np.intp]]]:
    """For each node of a square grid, the ``n_rows`` rows that lie nearest; one node if there are not twice as many."""
    n = len(place)
    n_node = max(least_nodes, min(_MAX_NODES, round(np.sqrt(n / n_rows)) + 1) if n >= 2 * n_rows else 1)
    if n <= n_rows or n_node == 1:
        return [[np.arange(n)] * n_node] * n_node
    nodes = _nodes(n_node)
    return [
        [np.sort(np.argpartition(((place - [x, y]) ** 2).sum(axis=1), n_rows - 1)[:n_rows]) for y in nodes]
        for x in nodes
    ]


def _corners(
    n_node: int, place: NDArray[np.float64]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """The four nodes around each place, with bilinear weights that add up to 1; beyond the nodes some are negative."""
    if n_node == 1:
        zero = np.zeros(len(place), np.intp)
        return [(zero, zero, np.ones(len(place)))]
    steps = place * (n_node - 1)
    first = np.clip(steps.astype(np.intp), 0, n_node - 2)
    part = steps - first
    corners = []
    for di in (0, 1):
        for dj in (0, 1):
            weight = (part[:, 0] if di else 1 - part[:, 0]) * (part[:, 1] if dj else 1 - part[:, 1])
            corners.append((first[:, 0] + di, first[:, 1] + dj, weight))
    return corners
