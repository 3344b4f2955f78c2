"""Queues: which objects to look at, and in which order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import ConfigError
from oddqso.review.columns import CatalogColumns

STATE_COLUMNS: Final = {
    "MINE": "whether the reader has a verdict on it",
    "LABELED": "whether anyone has a verdict on it",
    "OTHERS": "whether someone else has a verdict on it",
    "FLAGGED": "whether it is flagged",
    "ASSIGNED": "whether it is assigned to the reader",
    "DISAGREE": "whether verdicts on it differ and are not settled",
    "SELECTED": "whether it is in the chosen selection of the map",
    "INTEREST": "predicted interest, 0 to 5",
    "INTEREST_SIGMA": "uncertainty of the predicted interest",
}
"""What a queue may ask for beyond the catalog's columns: arrays by catalog row that the caller brings."""
_TRUTHS: Final = frozenset(STATE_COLUMNS) - {"INTEREST", "INTEREST_SIGMA"}

OPERATORS: Final = ("==", "!=", "<", "<=", ">", ">=", "in", "has", "known", "unknown")
"""How a filter compares. ``in`` takes a list; ``has`` finds a name in a list with commas, as in FOUND_BY;
``known`` and ``unknown`` take no value. What is unknown passes no other comparison."""
_ORDERS: Final = frozenset(("<", "<=", ">", ">="))
_MAX_FILTERS: Final = 32
_MAX_LIST: Final = 1000
_TARGET_ID: Final = re.compile(r"-?[0-9]{1,19}")
_EXACT: Final = 2**53


class Listed(Protocol):
    """What a queue is made from: a run's columns."""

    columns: CatalogColumns

    @property
    def n(self) -> int:
        """Objects in the catalog."""
        ...


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on one column; see `OPERATORS`."""

    column: str
    op: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """What a queue holds: all objects that pass every filter, by one column, unknown last, ties in catalog order.

    Parameters
    ----------
    order_by : str
        A column of the catalog, or of `STATE_COLUMNS`.
    descending : bool
        Largest first.
    filters : tuple of Filter
        All must hold.

    Examples
    --------
    >>> spec = QueueSpec.from_json({"order_by": "Z", "filters": [{"column": "SNR", "op": ">", "value": 2}]})
    >>> spec.as_json()["filters"]
    [{'column': 'SNR', 'op': '>', 'value': 2}]
    >>> QueueSpec.from_json({"order_by": "Z", "limit": 3})
    Traceback (most recent call last):
    oddqso.errors.ConfigError: a queue has no 'limit'; it has order_by, descending, filters
    """

    order_by: str = "SCORE"
    descending: bool = True
    filters: tuple[Filter, ...] = ()

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """From plain JSON.

        Raises
        ------
        ConfigError
            If something in it is unknown or of the wrong kind.
        """
        parts = _object(content, "a queue", ("order_by", "descending", "filters"))
        order_by, descending = parts.get("order_by", "SCORE"), parts.get("descending", True)
        if not isinstance(order_by, str):
            raise ConfigError(f"order_by is {order_by!r}, expected the name of a column")
        if not isinstance(descending, bool):
            raise ConfigError(f"descending is {descending!r}, expected true or false")
        found = parts.get("filters", [])
        if not isinstance(found, list) or len(found) > _MAX_FILTERS:
            raise ConfigError(f"filters is no list of at most {_MAX_FILTERS} filters")
        return cls(order_by, descending, tuple(_filter_from(one) for one in found))

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        filters = [{"column": f.column, "op": f.op, "value": f.value} for f in self.filters]
        return {"order_by": self.order_by, "descending": self.descending, "filters": filters}


def _object(content: Any, what: str, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ConfigError(f"{what} is {type(content).__name__}, expected an object with {', '.join(names)}")
    for name in content:
        if name not in names:
            raise ConfigError(f"{what} has no {name!r}; it has {', '.join(names)}")
    return content


def _filter_from(content: Any) -> Filter:
    parts = _object(content, "a filter", ("column", "op", "value"))
    column, op, value = parts.get("column"), parts.get("op"), parts.get("value")
    if not isinstance(column, str):
        raise ConfigError(f"the column of a filter is {column!r}, expected the name of a column")
    if op not in OPERATORS:
        raise ConfigError(f"the filter on {column} compares by {op!r}; choose one of {' '.join(OPERATORS)}")
    return Filter(column, op, value)


def ordered(
    source: Listed, spec: QueueSpec, extra: Mapping[str, NDArray[Any]] | None = None, *, rows: bool = False
) -> NDArray[np.int64]:
    """The TARGETIDs of a queue, in order; with ``rows`` their places in the catalog instead.

    Parameters
    ----------
    source : RunSource
        The run.
    spec : QueueSpec
        What is asked for.
    extra : mapping of str to (n,) array
        Those of `STATE_COLUMNS` that are known, by catalog row.
    rows : bool
        Places instead of TARGETIDs.

    Raises
    ------
    ConfigError
        If a column is unknown, or a value does not fit it.
    """
    extra = extra or {}
    keep = np.ones(source.n, dtype=np.bool_)
    for one in spec.filters:
        keep &= _passes(source, one, extra)
    chosen = np.flatnonzero(keep)
    key = _key(source, spec.order_by, extra)[chosen]
    unknown = np.isnan(key) if key.dtype.kind == "f" else np.zeros(len(key), np.bool_)
    if spec.descending:
        key = -key if key.dtype.kind == "f" else ~key  # ~ turns the order of integers without overflow
    order = np.argsort(key, kind="stable") if not _ascends(key) else np.arange(len(key))
    if unknown.any():
        order = np.concatenate([order[~unknown[order]], np.flatnonzero(unknown)])
    found: NDArray[np.int64] = chosen[order].astype(np.int64)
    target_id: NDArray[np.int64] = source.columns["TARGETID"]
    return found if rows else target_id[found]


def _ascends(key: NDArray[Any]) -> bool:
    return bool((key[1:] >= key[:-1]).all())


def _values(source: Listed, name: str, extra: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if name in extra:
        if extra[name].shape != (source.n,):
            raise ConfigError(f"{name} has shape {extra[name].shape}, expected one value for each of {source.n} rows")
        return extra[name]
    if name in source.columns:
        return source.columns[name]
    if name in STATE_COLUMNS:
        raise ConfigError(f"{name} is not known here ({STATE_COLUMNS[name]})")
    raise ConfigError(f"the catalog has no column {name!r}; it has {', '.join(source.columns)}")


def _is_text(source: Listed, name: str, extra: Mapping[str, NDArray[Any]]) -> bool:
    return name not in extra and name in source.columns and source.columns.is_text(name)


def _key(source: Listed, name: str, extra: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """What is sorted by: text by alphabet, with NaN where it is unknown."""
    values = _values(source, name, extra)
    if _is_text(source, name, extra):
        place = np.argsort(np.argsort(source.columns.categories(name))).astype(np.float32)
        return np.asarray(np.append(place, np.float32(np.nan))[values])  # code -1 takes the last
    return values.astype(np.int8) if values.dtype == np.bool_ else values


def _passes(source: Listed, one: Filter, extra: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    values = _values(source, one.column, extra)
    text = _is_text(source, one.column, extra)
    known = values >= 0 if text else ~np.isnan(values) if values.dtype.kind == "f" else np.ones(source.n, np.bool_)
    if one.op in ("known", "unknown"):
        return known if one.op == "known" else ~known
    if text:
        passed = np.append(_text_passes(source.columns.categories(one.column), one), False)[values]
    elif one.op == "has":
        raise ConfigError(f"{one.column} holds no names; `has` is for columns such as FOUND_BY")
    else:
        passed = _number_passes(values, one)
    return np.asarray(known & passed)


def _text_passes(words: Sequence[str], one: Filter) -> NDArray[np.bool_]:
    """Which of the words of a column pass, (n_word,)."""
    if one.op in _ORDERS:
        raise ConfigError(f"{one.column} holds text; compare it by == != in has known unknown, not by {one.op}")
    wanted = _list(one) if one.op == "in" else [one.value]
    for value in wanted:
        if not isinstance(value, str):
            raise ConfigError(f"the filter on {one.column} has the value {value!r}, expected text")
    if one.op == "has":
        return np.array([one.value in word.split(",") for word in words], np.bool_)
    known = frozenset(wanted)  # a list would be gone through for each of a million words
    found = np.array([word in known for word in words], np.bool_)
    return ~found if one.op == "!=" else found


def _number_passes(values: NDArray[Any], one: Filter) -> NDArray[np.bool_]:
    wanted = [_number(one, value, values.dtype) for value in (_list(one) if one.op == "in" else [one.value])]
    if one.op == "in":
        return np.isin(values, np.array(wanted))
    compare = {
        "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
        ">=": np.greater_equal,
    }[one.op]  # fmt: skip
    passed: NDArray[np.bool_] = compare(values, wanted[0])
    return passed


def _list(one: Filter) -> list[Any]:
    if not isinstance(one.value, list) or len(one.value) > _MAX_LIST:
        raise ConfigError(f"the filter on {one.column} is `in`; its value is a list of at most {_MAX_LIST}")
    return one.value


def _number(one: Filter, value: Any, dtype: np.dtype[Any]) -> Any:
    if dtype == np.bool_:
        if not isinstance(value, bool) or one.op in _ORDERS:
            raise ConfigError(f"{one.column} is true or false; compare it by == or != with true or false")
        return value
    if one.column == "TARGETID" and isinstance(value, str):
        if not _TARGET_ID.fullmatch(value):
            raise ConfigError(f"{value!r:.80} is no TARGETID")
        value = int(value)
    elif one.column == "TARGETID" and not (isinstance(value, int) and abs(value) <= _EXACT):  # it may be a rounded one
        raise ConfigError(f"the filter on TARGETID has the value {value!r:.80}; write a TARGETID as text")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigError(f"the filter on {one.column} has a value that does not fit into 64 bits")
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ConfigError(f"the filter on {one.column} has the value {value!r:.80}, expected a number")
    return value


def builtin_queues(source: Listed) -> dict[str, QueueSpec]:
    """The queues that every run has, by name."""
    queues = {"score": QueueSpec(filters=(Filter("SCORE", "known"),))}
    queues["tier"] = QueueSpec(filters=(Filter("TIER", "known"),))
    queues |= {
        f"tier-{tier}": QueueSpec(filters=(Filter("TIER", "==", tier),)) for tier in ("gold", "silver", "bronze")
    }
    detectors = [name.removeprefix("TAIL_") for name in source.columns if name.startswith("TAIL_")]
    queues |= {
        f"found-by-{name}": QueueSpec(f"TAIL_{name}", filters=(Filter("FOUND_BY", "has", name),)) for name in detectors
    }
    scored = Filter("SCORE", "known")
    queues["unlabeled"] = QueueSpec(filters=(scored, Filter("MINE", "==", False)))
    queues |= {
        name: QueueSpec(filters=(Filter(column, "==", True),))
        for name, column in (("flagged", "FLAGGED"), ("assigned", "ASSIGNED"), ("disagreements", "DISAGREE"))
    }
    queues["learned"] = QueueSpec("INTEREST", filters=(Filter("INTEREST", "known"), Filter("MINE", "==", False)))
    return queues


def selection_queue() -> QueueSpec:
    """The queue of a selection on the map; the caller brings SELECTED."""
    return QueueSpec(filters=(Filter("SELECTED", "==", True),))
