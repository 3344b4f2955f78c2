"""Points in a plane, ready to be counted in cells and cut out by a polygon, a million in a fraction of a second."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from oddqso.errors import DataError

_N_CELL: Final = 512
"""Cells of the index along each axis."""
MAX_VERTICES: Final = 1000
"""Corners of a polygon at most."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A rectangle with sides along the axes."""

    x0: float
    x1: float
    y0: float
    y1: float

    def polygon(self) -> NDArray[np.float64]:
        """Its corners, (4, 2)."""
        return np.array([(self.x0, self.y0), (self.x1, self.y0), (self.x1, self.y1), (self.x0, self.y1)])


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """``n`` points of a plane, with the places of those that lie in each cell of a grid.

    Parameters
    ----------
    xy : (n, 2) float32
        The points; all finite.
    extent : Extent
        Holds them all.
    cell : (n,) int32
        The cell of each point, ``row * 512 + column``.
    members : (n,) int32
        Places of the points, cell after cell.
    starts : (512 * 512 + 1,) int64
        Where each cell begins in ``members``.

    Examples
    --------
    >>> plane = Plane.of(np.array([(0.0, 0.0), (1.0, 1.0), (2.0, 0.5)], np.float32))
    >>> plane.inside(np.array([(0.5, 0.0), (3.0, 0.0), (3.0, 2.0), (0.5, 2.0)])).tolist()
    [1, 2]
    >>> plane.count(plane.extent, 2, 1).tolist()
    [[1, 2]]
    """

    xy: NDArray[np.float32]
    extent: Extent
    cell: NDArray[np.int32]
    members: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, xy: NDArray[np.float32]) -> Self:
        """The index of some points.

        Raises
        ------
        DataError
            If a point is not finite.
        """
        if not np.isfinite(xy).all():
            raise DataError("a point of the map is not finite; were the latent vectors?")
        extent = _around(xy)
        cell = (_bins(xy[:, 1], extent.y0, extent.y1, _N_CELL) * _N_CELL).astype(np.int32)
        cell += _bins(xy[:, 0], extent.x0, extent.x1, _N_CELL)
        members, starts = np.empty(len(xy), np.int32), np.zeros(_N_CELL**2 + 1, np.int64)
        np.cumsum(np.bincount(cell, minlength=_N_CELL**2), out=starts[1:])
        _deal_out(cell, starts[:-1].copy(), members)
        return cls(xy, extent, cell, members, starts)

    def __len__(self) -> int:
        return len(self.xy)

    def within(self, view: Extent) -> NDArray[np.int32]:
        """Places of the points in a rectangle, ascending."""
        columns = _bins(np.array([view.x0, view.x1], np.float32), self.extent.x0, self.extent.x1, _N_CELL)
        rows = _bins(np.array([view.y0, view.y1], np.float32), self.extent.y0, self.extent.y1, _N_CELL)
        n_near = sum(
            int(self.starts[row * _N_CELL + columns[1] + 1] - self.starts[row * _N_CELL + columns[0]])
            for row in range(int(rows[0]), int(rows[1]) + 1)
        )
        if n_near * 4 > len(self):  # most of them: one pass is faster than to sort
            return np.flatnonzero(_holds(view, self.xy)).astype(np.int32)
        parts = [
            self.members[self.starts[row * _N_CELL + columns[0]] : self.starts[row * _N_CELL + columns[1] + 1]]
            for row in range(int(rows[0]), int(rows[1]) + 1)
        ]
        near = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return np.sort(near[_holds(view, self.xy[near])])

    def cells(self, view: Extent, n_x: int, n_y: int) -> NDArray[np.int32]:
        """The cell of each point in a grid over a rectangle, ``row * n_x + column``, (n,) int32; -1 outside."""
        cell = np.empty(len(self), np.int32)
        _cells(self.xy, np.array([view.x0, view.x1, view.y0, view.y1]), n_x, n_y, cell)
        return cell

    def count(self, view: Extent, n_x: int, n_y: int) -> NDArray[np.int64]:
        """How many points lie in each cell of a grid over a rectangle, (n_y, n_x)."""
        cell = self.cells(view, n_x, n_y)
        return np.bincount(cell[cell >= 0], minlength=n_x * n_y).reshape(n_y, n_x)

    def inside(self, polygon: NDArray[np.float64]) -> NDArray[np.int32]:
        """Places of the points inside a polygon, ascending; where it crosses itself, by the even-odd rule.

        Cells that no edge comes near are in or out as a whole, by a crossing count along their middles; only points in
        the other cells are tested one by one.

        Parameters
        ----------
        polygon : (n_vertex, 2) float64
            Corners in order; the last is joined to the first.

        Raises
        ------
        DataError
            If it is no polygon: fewer than three corners, more than `MAX_VERTICES`, or one that is not finite.
        """
        corners = checked_polygon(polygon)
        edge = _near_edges(corners, self.extent)
        whole = _insides(corners, self.extent) & ~edge
        candidate = self.members[_ranges(self.starts, np.flatnonzero(edge))]
        hit = np.empty(len(candidate), np.bool_)
        _in_polygon(self.xy[candidate].astype(np.float64), corners, hit)
        found = np.concatenate([self.members[_ranges(self.starts, np.flatnonzero(whole))], candidate[hit]])
        if len(found) * 8 < len(self):
            return np.sort(found)
        chosen = np.zeros(len(self), np.bool_)
        chosen[found] = True
        return np.flatnonzero(chosen).astype(np.int32)


def checked_polygon(polygon: Any) -> NDArray[np.float64]:
    """The corners of a polygon, (n_vertex, 2) float64, or an error that says what is wrong with it."""
    try:
        corners = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError("a polygon is a list of corners [x, y]") from None
    if corners.ndim != 2 or corners.shape[1] != 2 or not 3 <= len(corners) <= MAX_VERTICES:
        raise DataError(
            f"a polygon is a list of 3 to {MAX_VERTICES} corners [x, y]; this one has the shape {corners.shape}"
        )
    if not np.isfinite(corners).all() or np.abs(corners).max() > 1e9:
        raise DataError("a corner of the polygon is not finite, or far too large")
    return np.ascontiguousarray(corners)


def _around(xy: NDArray[np.float32]) -> Extent:
    if not len(xy):
        return Extent(0.0, 1.0, 0.0, 1.0)
    low, high = xy.min(axis=0).astype(np.float64), xy.max(axis=0).astype(np.float64)
    room = np.maximum(0.02 * (high - low), 1e-6 + 1e-6 * np.abs(high))
    low, high = low - room, high + room
    return Extent(float(low[0]), float(high[0]), float(low[1]), float(high[1]))


def _bins(values: NDArray[np.float32], low: float, high: float, n: int) -> NDArray[np.int64]:
    """Which of ``n`` equal parts of a range each value lies in; what lies outside goes to the first or last."""
    scale = n / max(high - low, 1e-300)
    return np.clip(np.floor((values.astype(np.float64) - low) * scale), 0, n - 1).astype(np.int64)


def _holds(view: Extent, xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    x, y = xy[:, 0], xy[:, 1]
    held: NDArray[np.bool_] = (x >= view.x0) & (x <= view.x1) & (y >= view.y0) & (y <= view.y1)
    return held


def _ranges(starts: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """All places from the beginning to the end of each cell."""
    first, n_each = starts[cells], starts[cells + 1] - starts[cells]
    shift = first - np.concatenate([[0], np.cumsum(n_each)[:-1]]) if len(cells) else first
    return np.repeat(shift, n_each) + np.arange(int(n_each.sum()))


def _near_edges(corners: NDArray[np.float64], extent: Extent) -> NDArray[np.bool_]:
    """Cells that an edge may touch, (512 * 512,): edges are walked in half steps and marked three cells wide."""
    step = np.array([(extent.x1 - extent.x0) / _N_CELL, (extent.y1 - extent.y0) / _N_CELL])
    place = (corners - np.array([extent.x0, extent.y0])) / step  # in cells
    marked = np.zeros((_N_CELL + 2, _N_CELL + 2), np.bool_)
    for start, stop in zip(place, np.roll(place, -1, axis=0), strict=True):
        clipped = _clip(start, stop, -1.0, _N_CELL + 1.0)
        if clipped is None:
            continue
        start, stop = clipped
        n_step = int(np.ceil(2 * np.abs(stop - start).max())) + 1
        along = start + (stop - start) * np.linspace(0, 1, n_step + 1)[:, None]
        at = np.clip(np.floor(along).astype(np.int64) + 1, 0, _N_CELL + 1)
        marked[at[:, 1], at[:, 0]] = True
    wide = marked.copy()
    wide[1:] |= marked[:-1]
    wide[:-1] |= marked[1:]
    across = wide.copy()
    across[:, 1:] |= wide[:, :-1]
    across[:, :-1] |= wide[:, 1:]
    return np.ascontiguousarray(across[1:-1, 1:-1]).reshape(-1)


def _clip(
    start: NDArray[np.float64], stop: NDArray[np.float64], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The part of a segment inside a square; None if there is none (Liang & Barsky 1984)."""
    along, first, last = stop - start, 0.0, 1.0
    for axis in (0, 1):
        for sign, bound in ((-1.0, low), (1.0, high)):
            speed, room = sign * along[axis], sign * (bound - start[axis])
            if speed == 0:
                if room < 0:
                    return None
            elif speed > 0:
                last = min(last, room / speed)
            else:
                first = max(first, room / speed)
    return None if first > last else (start + first * along, start + last * along)


def _insides(corners: NDArray[np.float64], extent: Extent) -> NDArray[np.bool_]:
    """Whether the middle of each cell is inside the polygon, (512 * 512,); only right where no edge is near."""
    middle_y = extent.y0 + (np.arange(_N_CELL) + 0.5) * (extent.y1 - extent.y0) / _N_CELL
    x, y = corners.T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    rises = np.zeros((_N_CELL, _N_CELL + 1), np.int64)
    width = (extent.x1 - extent.x0) / _N_CELL
    for row, level in enumerate(middle_y):
        crossed = (y > level) != (next_y > level)
        if crossed.any():
            at = x[crossed] + (level - y[crossed]) * (next_x[crossed] - x[crossed]) / (next_y[crossed] - y[crossed])
            first = np.clip(np.ceil((at - extent.x0) / width - 0.5), 0, _N_CELL).astype(np.int64)
            np.add.at(rises[row], first, 1)
    odd: NDArray[np.bool_] = np.cumsum(rises, axis=1)[:, :_N_CELL] % 2 == 1
    return odd.reshape(-1)


@njit(cache=True, nogil=True)
def _cells(xy: Any, edges: Any, n_x: int, n_y: int, out: Any) -> None:
    """Fill ``out`` (n,) with the cell of each point of ``xy`` (n, 2), or -1; ``edges`` are x0, x1, y0, y1."""
    x0, x1, y0, y1 = edges[0], edges[1], edges[2], edges[3]
    for i in range(xy.shape[0]):
        x, y = xy[i, 0], xy[i, 1]
        if x0 <= x <= x1 and y0 <= y <= y1:
            column = min(int((x - x0) / (x1 - x0) * n_x), n_x - 1)
            row = min(int((y - y0) / (y1 - y0) * n_y), n_y - 1)
            out[i] = row * n_x + column
        else:
            out[i] = -1


@njit(cache=True, nogil=True)
def _deal_out(cell: Any, start: Any, members: Any) -> None:
    """Places by cell, in order within each: a counting sort; ``start`` is used up."""
    for i in range(cell.shape[0]):
        members[start[cell[i]]] = i
        start[cell[i]] += 1


@njit(cache=True, nogil=True)
def _in_polygon(points: Any, corners: Any, out: Any) -> None:
    """Fill ``out`` (n,) by the number of edges to the right of each point (n, 2): odd is inside."""
    n_corner = corners.shape[0]
    for i in range(points.shape[0]):
        x, y = points[i, 0], points[i, 1]
        inside = False
        j = n_corner - 1
        for k in range(n_corner):
            if (corners[k, 1] > y) != (corners[j, 1] > y) and x < corners[k, 0] + (y - corners[k, 1]) * (
                corners[j, 0] - corners[k, 0]
            ) / (corners[j, 1] - corners[k, 1]):
                inside = not inside
            j = k
        out[i] = inside
