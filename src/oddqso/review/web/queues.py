"""Queues: what there is to look at, what comes next, and filters that people save."""

from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from oddqso.errors import ConfigError, DataError
from oddqso.review.columns import UNKNOWN_CODE
from oddqso.review.orders import Orders, is_true_or_false
from oddqso.review.queues import OPERATORS, STATE_COLUMNS, QueueSpec, ordered
from oddqso.review.room import Room
from oddqso.review.store.records import Reviewer, SavedFilter
from oddqso.review.web.access import Here, Me
from oddqso.review.web.learning import predictions
from oddqso.review.web.objects import known_target

router = APIRouter(tags=["queues"])

QueueName = Annotated[str, Path(max_length=100)]
_ITEM_COLUMNS = {"rank": "RANK", "score": "SCORE", "z": "Z", "snr": "SNR"}
_WITHHELD = ("rank", "score", "tier", "found_by", "interest", "uncertainty")


class NewFilter(BaseModel):
    """A filter to be saved: a queue of one's own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    spec: dict[str, Any] = Field(description="order_by, descending, filters: a list of column, op, value.")
    shared: bool = False


def orders_of(request: Request) -> Orders:
    """The queues of the room."""
    orders: Orders = request.app.state.orders
    return orders


@router.get("/queues")
def list_queues(request: Request, room: Here, me: Me) -> JSONResponse:
    """All queues that one may open, with how many objects each has and how many of them wait for one's verdict."""
    orders = orders_of(request)
    mine = orders.marks.arrays(me, ["MINE"], own_flags=room.blind)["MINE"]
    told = []
    for queue in orders.queues(me):
        try:
            rows = orders.order(me, queue).rows
        except (ConfigError, DataError):  # of another run, perhaps; whoever shares it closes nobody's list
            rows = np.zeros(0, np.int64)
        left = len(rows) - int(np.count_nonzero(mine[rows]))
        about = {"name": queue.name, "title": queue.title, "kind": queue.kind, "spec": queue.spec.as_json()}
        told.append(about | {"total": len(rows), "left": left})
    columns = sorted(set(room.source.columns) | set(STATE_COLUMNS))
    return JSONResponse({"queues": told, "columns": columns, "operators": OPERATORS})


@router.get("/queues/{name}")
def list_items(
    request: Request,
    room: Here,
    me: Me,
    name: QueueName,
    offset: Annotated[int, Query(ge=0, lt=2**40)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> JSONResponse:
    """A part of a queue, in its order."""
    orders = orders_of(request)
    order = orders.order(me, orders.queue(me, name))
    rows = order.rows[order.open] if not order.open.all() else order.rows
    items = items_of(request, me, rows[offset : offset + limit])
    return JSONResponse({"name": name, "total": len(rows), "offset": offset, "items": items})


@router.get("/next")
def get_next(
    request: Request,
    room: Here,
    me: Me,
    queue: Annotated[str, Query(max_length=100)] = "unlabeled",
    after: Annotated[str | None, Query(pattern=r"^-?[0-9]{1,19}$")] = None,
    n: Annotated[int, Query(ge=1, le=100)] = 5,
    fresh: Annotated[bool, Query(description="Without those that one has judged.")] = False,
) -> JSONResponse:
    """The objects that come next in a queue, after the one on the screen."""
    orders = orders_of(request)
    place = None if after is None else known_target(room, after)
    found = orders.next(me, orders.queue(me, queue), place, n, fresh=fresh)
    return JSONResponse({"items": [str(target_id) for target_id in found]})


@router.get("/filters")
def list_filters(room: Here, me: Me) -> JSONResponse:
    """One's own filters, and those that others share."""
    return JSONResponse({"filters": [_filter_json(one) for one in room.store.filters(me.id)]})


@router.post("/filters", status_code=201)
def save_filter(room: Here, me: Me, new: NewFilter) -> JSONResponse:
    """Save a filter; of the same name, the last one holds. It is the queue ``filter-ID``."""
    spec = QueueSpec.from_json(new.spec)
    _try(room, spec)
    return JSONResponse(_filter_json(room.store.save_filter(me.id, new.name, spec.as_json(), new.shared)), 201)


@router.delete("/filters/{filter_id}", status_code=204)
def delete_filter(room: Here, me: Me, filter_id: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """Drop one's own filter."""
    room.store.delete_filter(me.id, filter_id)
    return Response(status_code=204)


def items_of(request: Request, me: Reviewer, rows: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """Objects as lines of a table; scores are withheld where one is blinded."""
    room, orders = request.app.state.room, orders_of(request)
    columns, items = room.source.columns, []
    for row in rows.tolist():
        target_id = int(columns["TARGETID"][row])
        mine = orders.marks.of(target_id).get(me.name)
        item: dict[str, Any] = {name: _number(columns, column, row) for name, column in _ITEM_COLUMNS.items()}
        item |= {"tier": _text(columns, "TIER", row), "found_by": _text(columns, "FOUND_BY", row)}
        item |= {"target_id": str(target_id), "my_verdict": mine.verdict if mine else None}
        items.append(item)
    _add_predictions(room, me, items)
    for item in items:
        item["blinded"] = room.blind and item["my_verdict"] is None
        if item["blinded"]:
            item |= dict.fromkeys(_WITHHELD)
    return items


def _add_predictions(room: Room, me: Reviewer, items: list[dict[str, Any]]) -> None:
    """Predicted interest and its uncertainty, None where there is none."""
    found = predictions(room, me, [int(item["target_id"]) for item in items])
    for item, prediction in zip(items, found, strict=True):
        item |= prediction


def _number(columns: Any, name: str, row: int) -> float | int | None:
    if name not in columns:
        return None
    value = columns[name][row].item()
    return None if value != value else value


def _text(columns: Any, name: str, row: int) -> str | None:
    if name not in columns or columns[name][row] == UNKNOWN_CODE:
        return None
    text: str | None = columns.text(name, row)
    return text


def _try(room: Room, spec: QueueSpec) -> None:
    """See that the catalog has what a filter asks for, before it is saved; what state it asks for is true or false."""
    for one in spec.filters:
        if one.column == "SELECTED":
            raise ConfigError("a selection on the map is a queue already; a filter cannot ask for it")
        if one.column in STATE_COLUMNS and not one.column.startswith("INTEREST"):
            is_true_or_false(one)
    marks: dict[str, np.ndarray[Any, Any]] = {
        name: np.zeros(room.source.n, np.float32 if name.startswith("INTEREST") else np.bool_) for name in STATE_COLUMNS
    }
    ordered(room.source, spec, marks, rows=True)


def _filter_json(one: SavedFilter) -> dict[str, Any]:
    return asdict(one) | {"queue": f"filter-{one.id}"}
