"""Verdicts out and in as files, and tables and spectra to other programs by SAMP."""

from typing import Annotated, Any

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from oddqso.errors import DataError
from oddqso.review.exchange import Column, Format, astropy_bytes, standing, write_verdicts
from oddqso.review.importing import import_verdicts
from oddqso.review.inspection import write_inspection
from oddqso.review.payload import SpectrumPayload
from oddqso.review.room import Room
from oddqso.review.samp import Broadcaster, NoHubError
from oddqso.review.store.records import Reviewer, Role, StoredVerdict
from oddqso.review.web.access import Here, Me
from oddqso.review.web.learning import predictions
from oddqso.review.web.objects import is_blinded, known_target
from oddqso.review.web.queues import orders_of
from oddqso.review.web.verdicts import seen_by

router = APIRouter(tags=["exchange"])

_FLUX = "1e-17 erg / (s cm2 Angstrom)"
_LISTED = (
    Column("TARGETID", "int64", "DESI object id", ucd="meta.id;meta.main"),
    Column("RA", "float64", "Right ascension, ICRS", "deg", "pos.eq.ra;meta.main"),
    Column("DEC", "float64", "Declination, ICRS", "deg", "pos.eq.dec;meta.main"),
    Column("Z", "float64", "Redshift", ucd="src.redshift"),
    Column("SNR", "float32", "Median signal to noise of a pixel", ucd="stat.snr"),
    Column("SCORE", "float32", "Anomaly score, higher is odder", ucd="stat.value"),
    Column("VERDICT", "str", "One's own verdict", ucd="meta.code.class"),
)
_SPECTRUM = (
    Column("wave", "float64", "Vacuum wavelength, observed frame", "Angstrom", "em.wl"),
    Column("flux", "float32", "F_lambda", _FLUX, "phot.flux.density;em.wl"),
    Column("sigma", "float32", "Its error", _FLUX, "stat.error;phot.flux.density;em.wl"),
    Column("model", "float32", "Reconstruction", _FLUX, "phot.flux.density;em.wl"),
)


class Broadcast(BaseModel):
    """What is sent to other programs on this machine."""

    model_config = ConfigDict(extra="forbid", strict=True)

    what: str = Field(pattern="^(table|spectrum)$")
    target_id: str | None = Field(None, description="Of a spectrum.")
    queue: str = Field("score", max_length=100, description="Of a table: the queue that it lists.")
    n: int = Field(1000, ge=1, le=100_000, description="Of a table: the first so many.")


@router.get("/verdicts/export")
def export(
    room: Here, me: Me, format: Format = Format.CSV, reviewer: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """What stands now as a file; while one is blinded on an object, without what others say of it."""
    entries = standing(seen_by(room, me, room.store.verdicts(reviewer=reviewer)))
    if format is Format.DESI_VI:
        content = write_inspection(entries, room_facts(room, entries))
    else:
        content = write_verdicts(entries, format, _predicted(room, me, entries))
    headers = {"content-disposition": f'attachment; filename="verdicts.{format.suffix}"'}
    return Response(content, media_type=format.media_type, headers=headers)


@router.post("/verdicts/import", responses={409: {}})
async def bring(request: Request, room: Here, me: Me, format: Format = Format.CSV) -> JSONResponse:
    """Take in a file of verdicts, its bytes as the body: all of it or nothing; the same file again adds nothing.

    A reviewer brings own verdicts; a lead brings everybody's, and accounts that are missing are made, without password.
    """
    content = await request.body()

    def work() -> Any:
        return import_verdicts(
            room.store, content, format, known=room.source.row_of, reviewer=me.name, by=me.name,
            only_own=me.role is not Role.LEAD,
        )  # fmt: skip

    done = await to_thread.run_sync(work)
    return JSONResponse({"n_rows": done.n_rows, "n_new": done.n_new, "made": list(done.made)})


@router.post("/samp", responses={404: {}, 409: {}})
def broadcast(request: Request, room: Here, me: Me, wanted: Broadcast) -> JSONResponse:
    """Send a queue as a table, or a spectrum, to TOPCAT, Aladin and others on this machine."""
    if room.samp is None:
        raise HTTPException(404, "this room sends nothing: it may run on another machine than your programs")
    samp: Broadcaster = room.samp
    try:
        if wanted.what == "table":
            orders = orders_of(request)
            order = orders.order(me, orders.queue(me, wanted.queue))
            rows = order.rows[order.open][: wanted.n]
            sent = samp.send_table(_table(room, me, rows), f"{room.source.name}, {wanted.queue}")
        else:
            if wanted.target_id is None:
                raise DataError("a spectrum needs its target_id")
            target_id = known_target(room, wanted.target_id)
            content = spectrum_votable(room.source.spectrum(target_id))
            sent = samp.send_spectrum(content, f"TARGETID {target_id}")
    except NoHubError as error:
        raise HTTPException(409, str(error)) from error
    return JSONResponse({"mtype": sent.mtype, "receivers": list(sent.receivers)})


def room_facts(room: Room, entries: list[StoredVerdict]) -> dict[int, dict[str, Any]]:
    """What the catalog says of class and redshift of some objects."""
    found = {}
    for entry in entries:
        try:
            row = room.source.row(entry.target_id)
        except DataError:  # of another run that shares the store
            continue
        found[entry.target_id] = {name: row.get(name) for name in ("SPECTYPE", "Z")}
    return found


def spectrum_votable(payload: SpectrumPayload) -> bytes:
    """A spectrum as a VOTable: wavelength, flux, error and reconstruction; null where nothing is known."""
    arrays: dict[str, Any] = {"wave": payload.wave} | {
        name: getattr(payload, name).astype(np.float64) for name in ("flux", "sigma", "model")
    }
    lists = {name: [None if x != x else x for x in array.tolist()] for name, array in arrays.items()}
    rows = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return astropy_bytes(_SPECTRUM, rows, Format.VOTABLE, "spectrum")


def _predicted(room: Room, me: Reviewer, entries: list[StoredVerdict]) -> dict[int, Any] | None:
    if room.learner is None:
        return None
    known = [one for one in dict.fromkeys(e.target_id for e in entries) if room.source.rows_of([one])[0] >= 0]
    shown = [one for one in known if not is_blinded(room, me, one)] if room.blind else known
    found = predictions(room, me, shown)
    return {one: tuple(told.values()) for one, told in zip(shown, found, strict=True)}


def _table(room: Room, me: Reviewer, rows: Any) -> bytes:
    columns, mine = room.source.columns, room.store.current(reviewer=me.name)
    said = dict(zip(mine["TARGETID"].to_pylist(), mine["VERDICT"].to_pylist(), strict=True))
    lists: dict[str, list[Any]] = {}
    for column in _LISTED[:-1]:
        shown = column.name in columns and not (column.name == "SCORE" and room.blind)
        values = columns[column.name][rows].tolist() if shown else [None] * len(rows)
        lists[column.name] = [None if value != value else value for value in values]
    lists["VERDICT"] = [said.get(one) for one in lists["TARGETID"]]
    table = [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return astropy_bytes(_LISTED, table, Format.VOTABLE, "queue")
