"""The latent map by REST: density and colors of a view, single objects, verdicts on it, and selections."""

import base64
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from oddqso.explore.plane import MAX_VERTICES, Extent
from oddqso.review.atlas import MAX_CELLS, Atlas, layer
from oddqso.review.payload import encoded
from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer
from oddqso.review.web.access import Here, Me

router = APIRouter(tags=["map"])

LAYERS: Final = {
    "count": ("objects", "", ""),
    "score": ("SCORE", "largest", "SCORE"),
    "z": ("redshift", "mean", "Z"),
    "snr": ("S/N per pixel", "mean", "SNR"),
    "interest": ("predicted interest", "largest", "INTEREST"),
}
"""By name: title, what a cell shows, and the column behind it. The largest stands out where odd objects are few."""
_BLIND: Final = frozenset({"score", "interest"})
_SAMPLE: Final = 20
_WIDEST: Final = 1e9
_MANY: Final = 100_000

LayerName = Literal["count", "score", "z", "snr", "interest"]
Edge = Annotated[float | None, Query(ge=-_WIDEST, le=_WIDEST, allow_inf_nan=False)]


class Lasso(BaseModel):
    """A polygon drawn on the map."""

    model_config = ConfigDict(extra="forbid")

    polygon: list[tuple[float, float]] = Field(min_length=3, max_length=MAX_VERTICES)
    map: Literal["UMAP", "PCA"] | None = Field(None, description="The map it was drawn on; the one shown by default.")


def atlas_of(room: Here) -> Atlas:
    """The map of the room; 404 if it has none."""
    if room.atlas is None:
        raise HTTPException(404, "this room has no map")
    atlas: Atlas = room.atlas
    return atlas


def view_of(atlas: "Map", x0: Edge = None, x1: Edge = None, y0: Edge = None, y1: Edge = None) -> Extent:
    """The rectangle in an address; the whole map where an edge is not given."""
    whole = atlas.plane().extent
    edges = [given if given is not None else default for given, default in zip(
        (x0, x1, y0, y1), (whole.x0, whole.x1, whole.y0, whole.y1), strict=True)]  # fmt: skip
    if not (edges[0] < edges[1] and edges[2] < edges[3]):
        raise HTTPException(422, "the view is empty: x0 has to be below x1, and y0 below y1")
    return Extent(*edges)


Map = Annotated[Atlas, Depends(atlas_of)]
View = Annotated[Extent, Depends(view_of)]


@router.get("/map")
def get_map(
    room: Here,
    me: Me,
    atlas: Map,
    view: View,
    name: Annotated[LayerName, Query(alias="layer")] = "count",
    nx: Annotated[int, Query(ge=1, le=MAX_CELLS)] = 256,
    ny: Annotated[int, Query(ge=1, le=MAX_CELLS)] = 192,
) -> JSONResponse:
    """How many objects lie in each cell of a view, and the color of each; `status` says how far the map is.

    `counts` is base64 of little-endian uint16 (65,535 stands for more), `values` of float32 with NaN where there is
    nothing; row by row from `y0` up.
    """
    plane = atlas.plane()
    largest, column = LAYERS[name][1] == "largest", _values(room, me, name)
    counts, values = layer(plane, view, nx, ny, column, largest=largest)
    return JSONResponse({
        "status": asdict(atlas.status()),
        "n": len(plane),
        "n_view": int(counts.sum()),
        "extent": [plane.extent.x0, plane.extent.x1, plane.extent.y0, plane.extent.y1],
        "view": [view.x0, view.x1, view.y0, view.y1],
        "nx": nx,
        "ny": ny,
        "layer": name,
        "layers": [
            {"name": key, "title": title, "rule": rule} for key, (title, rule, _) in LAYERS.items() if _may(room, key)
        ],
        "counts": base64.b64encode(np.minimum(counts, 65_535).astype("<u2").tobytes()).decode(),
        "values": None if values is None else encoded(values),
        "limits": _limits(column, largest=largest),
    })  # fmt: skip


@router.get("/map/points")
def get_points(
    room: Here,
    me: Me,
    atlas: Map,
    view: View,
    name: Annotated[LayerName, Query(alias="layer")] = "count",
    limit: Annotated[int, Query(ge=1, le=20_000)] = 3000,
) -> JSONResponse:
    """Single objects of a view: the oddest where there are too many, any where one is blinded."""
    plane, columns = atlas.plane(), room.source.columns
    rows = plane.within(view)
    n_view = len(rows)
    if room.blind:
        rows = rows[np.argsort(room.source.target_id[rows], kind="stable")]  # the catalog's order is that of the score
        rows = rows[:: -(-len(rows) // limit)] if len(rows) > limit else rows
    else:
        rows = rows[:limit]
    values = _values(room, me, name)
    shown = {"z": "Z", "snr": "SNR"} | ({} if room.blind else {"score": "SCORE"})
    return JSONResponse({
        "n_view": n_view,
        "target_id": [str(one) for one in room.source.target_id[rows].tolist()],
        "x": encoded(plane.xy[rows, 0]),
        "y": encoded(plane.xy[rows, 1]),
        "values": None if values is None else encoded(values[rows]),
        **{key: encoded(columns[column][rows]) for key, column in shown.items()},
    })  # fmt: skip


@router.get("/map/verdicts")
def get_verdicts(room: Here, me: Me, atlas: Map) -> JSONResponse:
    """Where the objects with a verdict lie: one's own, and where nobody is blinded also those of others."""
    table = room.store.current(me.name if room.blind else None)
    rows = room.source.rows_of(table["TARGETID"].to_numpy())
    here = rows >= 0
    xy, words = atlas.plane().xy[rows[here]], np.array(table["VERDICT"].to_pylist(), dtype=object)[here]
    return JSONResponse({
        "target_id": [str(one) for one in room.source.target_id[rows[here]].tolist()],
        "x": encoded(xy[:, 0]),
        "y": encoded(xy[:, 1]),
        "verdict": words.tolist(),
    })  # fmt: skip


@router.post("/map/lasso")
def post_lasso(room: Here, me: Me, atlas: Map, lasso: Lasso) -> JSONResponse:
    """Keep the objects inside a polygon as the queue ``selection-ID``; the same polygon gives the same one."""
    selection = atlas.select(lasso.polygon, lasso.map)
    rows = atlas.selected(selection.id)
    if room.blind:  # the catalog's order is that of the score
        rows = rows[np.argsort(room.source.target_id[rows], kind="stable")]
    sample = room.source.target_id[rows[:_SAMPLE]]
    return JSONResponse({
        "n": selection.n,
        "selection": selection.id,
        "queue": f"selection-{selection.id}",
        "sample": [str(one) for one in sample.tolist()],
    })  # fmt: skip


def _may(room: Room, name: str) -> bool:
    """Whether a layer is there, and shown in a room like this."""
    if name in _BLIND and room.blind:
        return False
    return name != "interest" or room.learner is not None


def _values(room: Room, me: Reviewer, name: str) -> NDArray[Any] | None:
    if not _may(room, name):
        reason = "withheld: scores could sway the verdict" if room.blind else "not there: nothing is learned here"
        raise HTTPException(403 if room.blind else 404, f"the layer {name} is {reason}")
    column = LAYERS[name][2]
    if name == "interest" and room.learner is not None:
        learned: dict[str, NDArray[Any]] = room.learner.columns(room.learner.scope_of(me.name))
        return learned.get(column, np.full(room.source.n, np.nan, np.float32))
    return room.source.columns[column] if column else None


def _limits(values: NDArray[Any] | None, *, largest: bool) -> list[float] | None:
    """What the ends of the color scale stand for: the same in every view, so that views can be compared."""
    if values is None:
        return None
    some = values[:: max(1, len(values) // _MANY)]
    known = some[np.isfinite(some)]
    return [float(x) for x in np.percentile(known, (50, 99.5) if largest else (2, 98))] if len(known) else None
