"""Orders: what each reviewer sees of a queue, and in which order; fast on millions of objects.

What depends on the catalog alone is ordered once and kept; what depends on verdicts is a mask over it, so the order
stands still while somebody goes through it. Blind, the order is kept block by block and shuffled within each block,
for each reviewer in another way, and objects with a known answer are mixed in.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import ConfigError, DataError
from oddqso.reports.words import NAMES
from oddqso.review.marks import Marks
from oddqso.review.queues import STATE_COLUMNS, Filter, QueueSpec, builtin_queues, ordered, selection_queue

if TYPE_CHECKING:
    from oddqso.review.room import Room
    from oddqso.review.store import Reviewer

BLIND_QUEUES: Final = frozenset({"unlabeled", "assigned", "flagged", "score"})
"""Queues that tell nothing of an object by holding it; blinded reviewers have these, and filters on open columns."""
OPEN_COLUMNS: Final = frozenset({
    "TARGETID", "DESINAME", "SURVEY", "PROGRAM", "HEALPIX", "RA", "DEC", "Z", "ZERR", "ZWARN", "SPECTYPE", "SUBTYPE",
    "DELTACHI2", "COADD_FIBERSTATUS", "EBV", "NUM_EXP", "SNR", "COVERAGE", "QUALITY",
})  # fmt: skip
"""What a blinded reviewer may know of an object: what the telescope and the pipeline of DESI say, nothing of ours."""
_PREDICTED: Final = frozenset({"INTEREST", "INTEREST_SIGMA"})
_LEARNED: Final = frozenset({"INTEREST", "INTEREST_SIGMA"})
_MARKS: Final = frozenset(STATE_COLUMNS) - _LEARNED
_KEPT: Final = 24


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue by name.

    Parameters
    ----------
    name : str
        As in addresses.
    title : str
        As shown.
    spec : QueueSpec
        What it holds; ``learned`` is ordered by the learner.
    kind : str
        ``built-in``, ``filter`` or ``selection``.
    """

    name: str
    title: str
    spec: QueueSpec
    kind: str = "built-in"


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A queue as a reviewer sees it.

    Parameters
    ----------
    rows : (n,) int64
        Places in the catalog, in order; it does not change with one's own verdicts.
    open : (n,) bool
        Whether one's own verdict is still asked for where the queue is about that; True elsewhere.
    """

    rows: NDArray[np.int64]
    open: NDArray[np.bool_]


class Orders:
    """All queues of a room; safe to use from several threads.

    Parameters
    ----------
    room : Room
    """

    def __init__(self, room: "Room") -> None:
        self.room, self.marks = room, Marks(room.store, room.source)
        self._kept: OrderedDict[tuple[Any, ...], NDArray[np.int64]] = OrderedDict()
        self._lock = Lock()
        self._built_in = {name: Queue(name, _title(name), spec) for name, spec in builtin_queues(room.source).items()}
        if room.learner is None:
            self._built_in.pop("learned", None)

    def warm(self) -> None:
        """Do what the first question would wait for."""
        self.marks.of(0)
        for name in ("unlabeled", "score"):
            filters = tuple(one for one in self._built_in[name].spec.filters if one.column not in _MARKS)
            spec = replace(self._built_in[name].spec, filters=filters)
            self._catalog_order(spec)

    def queues(self, me: "Reviewer") -> list[Queue]:
        """The queues that a reviewer may open."""
        saved = [
            Queue(f"filter-{one.id}", one.name, QueueSpec.from_json(one.spec), "filter")
            for one in self.room.store.filters(me.id)
        ]
        return [queue for queue in (*self._built_in.values(), *saved) if self.allows(me, queue)]

    def queue(self, me: "Reviewer", name: str) -> Queue:
        """A queue by name.

        Raises
        ------
        DataError
            If there is none by that name.
        ConfigError
            If it would tell a blinded reviewer of scores.
        """
        if name.startswith("selection-"):
            found = Queue(name, "selection on the map", selection_queue(), "selection")
        elif name in self._built_in:
            found = self._built_in[name]
        else:
            by_name = {f"filter-{one.id}": one for one in self.room.store.filters(me.id)}
            if name not in by_name:
                raise DataError(f"there is no queue {name[:80]!r}; see /api/v1/queues")
            found = Queue(name, by_name[name].name, QueueSpec.from_json(by_name[name].spec), "filter")
        if not self.allows(me, found):
            raise ConfigError(f"the queue {name} tells of scores; reviews are blind here")
        return found

    def allows(self, me: "Reviewer", queue: Queue) -> bool:
        """Whether the queue tells nothing that blinding withholds; leads may open every one."""
        if not self.room.blind or me.role == "lead" or queue.kind == "selection":
            return True
        if queue.kind == "built-in":
            return queue.name in BLIND_QUEUES
        return is_open(queue.spec)

    def order(self, me: "Reviewer", queue: Queue) -> Order:
        """A queue as a reviewer sees it."""
        room = self.room
        if queue.name == "learned" and room.learner is not None:
            rows = room.learner.offered(room.learner.scope_of(me.name))
            return Order(rows, ~self.marks.arrays(me, ["MINE"], own_flags=room.blind)["MINE"][rows])
        state = [one for one in queue.spec.filters if one.column in STATE_COLUMNS and one.column not in _PREDICTED]
        static = replace(queue.spec, filters=tuple(one for one in queue.spec.filters if one not in state))
        names = {one.column for one in state} | {"MINE"}
        marks: dict[str, NDArray[Any]] = dict(self.marks.arrays(me, names, own_flags=room.blind))
        if "SELECTED" in names:
            marks["SELECTED"] = self._selected(queue.name)
        if _PREDICTED & {static.order_by, *(one.column for one in static.filters)}:
            rows = ordered(room.source, static, self._predicted(me), rows=True)
        else:
            rows = self._base(me, static)
        stable = [one for one in state if one.column != "MINE"]
        if stable:
            rows = rows[_holds(marks, stable)[rows]]
        if room.blind and is_chosen(queue):
            rows = self._chosen(me, queue.spec, rows, whole=not stable)
        elif room.blind:
            rows = self._blind(me, queue, rows, whole=not stable)
        mine = [one for one in state if one.column == "MINE"]
        return Order(rows, _holds(marks, mine)[rows] if mine else np.ones(len(rows), np.bool_))

    def next(self, me: "Reviewer", queue: Queue, after: int | None, n: int, *, fresh: bool = False) -> list[int]:
        """The next objects of a queue.

        Parameters
        ----------
        me : Reviewer
        queue : Queue
        after : int or None
            The object that is on the screen; None at the beginning.
        n : int
            At most so many.
        fresh : bool
            Whether those are left out that the reviewer has judged: where one goes on another day.
        """
        order, source = self.order(me, queue), self.room.source
        begin = 0
        if after is not None:
            place = np.flatnonzero(order.rows == source.row_of(after))
            begin = int(place[0]) + 1 if len(place) else 0
        later = order.rows[begin:][order.open[begin:]]
        if fresh:
            later = later[~self.marks.arrays(me, ["MINE"], own_flags=self.room.blind)["MINE"][later]]
        target_ids = [int(one) for one in source.columns["TARGETID"][later[: n + 1]]]
        return [one for one in target_ids if one != after][:n]

    def first(self, me: "Reviewer", queue: Queue, n: int) -> list[int]:
        """The first objects of a queue by the catalog alone, to be dealt out.

        Raises
        ------
        ConfigError
            If the queue is one reviewer's own.
        """
        if any(one.column in _MARKS and one.column != "MINE" for one in queue.spec.filters):
            raise ConfigError(f"the queue {queue.name} depends on who looks; deal from one that the catalog makes")
        static = replace(queue.spec, filters=tuple(one for one in queue.spec.filters if one.column != "MINE"))
        return [int(one) for one in self.room.source.columns["TARGETID"][self._base(me, static)[:n]]]

    def _predicted(self, me: "Reviewer") -> dict[str, NDArray[np.float32]]:
        """Predicted interest and its uncertainty by catalog row; NaN where there is none yet."""
        learner = self.room.learner
        found = {} if learner is None else learner.columns(learner.scope_of(me.name))
        unknown = np.full(self.room.source.n, np.nan, np.float32)
        return {name: found.get(name, unknown) for name in _PREDICTED}

    def _selected(self, name: str) -> NDArray[np.bool_]:
        atlas = self.room.atlas
        if atlas is None:
            raise DataError("this room has no map to select on")
        marked = np.zeros(self.room.source.n, np.bool_)
        marked[atlas.selected(name.removeprefix("selection-"))] = True
        return marked

    def _base(self, me: "Reviewer", spec: QueueSpec) -> NDArray[np.int64]:
        source, learner = self.room.source, self.room.learner
        if not _LEARNED & {spec.order_by, *(one.column for one in spec.filters)}:
            return self._catalog_order(spec)
        unknown = np.full(source.n, np.nan, np.float32)
        extra = dict.fromkeys(_LEARNED, unknown)
        if learner is not None:
            extra |= learner.columns(learner.scope_of(me.name))
        return ordered(source, spec, extra, rows=True)

    def _catalog_order(self, spec: QueueSpec) -> NDArray[np.int64]:
        return self._keep(("base", repr(spec)), lambda: ordered(self.room.source, spec, rows=True))

    def _blind(self, me: "Reviewer", queue: Queue, rows: NDArray[np.int64], *, whole: bool) -> NDArray[np.int64]:
        """Shuffled block by block, with gold items mixed in; alone in an empty queue they would show what they are."""
        if not len(rows):
            return rows
        gold = self._gold(queue)

        def make() -> NDArray[np.int64]:
            rng = np.random.default_rng([me.id, *self.room.source.fingerprint.encode()])
            golden = self.room.source.rows_of(gold)
            golden = rng.permutation(golden[golden >= 0])
            shuffled = shuffle(rows[~np.isin(rows, golden)], self.room.params.shuffle_block, rng)
            return mix(shuffled, golden, self.room.params.gold_share, rng)

        return self._keep(("blind", me.id, repr(queue.spec), gold), make) if whole else make()

    def _chosen(self, me: "Reviewer", spec: QueueSpec, rows: NDArray[np.int64], *, whole: bool) -> NDArray[np.int64]:
        """Objects that the reviewer chose, as the queue ``score`` has them: no choice tells more than that queue does.

        A shuffle of their own would compare two scores, by a filter on those two and others; and in an order without
        the objects mixed in, those would stand elsewhere.
        """
        gold = self._gold(self._built_in["score"])

        def make() -> NDArray[np.int64]:
            place = self._places(me, gold)[rows]
            if spec.order_by == "SCORE":
                unknown = place >= self.room.source.n
                return rows[np.argsort(np.where(spec.descending | unknown, place, -place), kind="stable")]
            value = self.room.source.columns[spec.order_by][rows]
            known = value == value
            other = (value[1:] != value[:-1]) & (known[1:] | known[:-1])  # ties would stand by score
            return rows[np.lexsort((place, np.append(0, np.cumsum(other))[: len(rows)]))]

        return self._keep(("chosen", me.id, repr(spec), gold), make) if whole else make()

    def _places(self, me: "Reviewer", gold: tuple[int, ...]) -> NDArray[np.int64]:
        """Where each object stands in the reviewer's queue ``score``, (n,) int64; from n on it is not there."""
        queue, source = self._built_in["score"], self.room.source

        def make() -> NDArray[np.int64]:
            listed = self._blind(me, queue, self._base(me, queue.spec), whole=True)
            place = np.full(source.n, -1, np.int64)
            place[listed] = np.arange(len(listed))
            others = np.flatnonzero(place < 0)
            place[others[np.argsort(source.target_id[others])]] = source.n + np.arange(len(others))
            return place

        return self._keep(("places", me.id, gold), make)

    def _gold(self, queue: Queue) -> tuple[int, ...]:
        """What is mixed into a queue."""
        return tuple(item.target_id for item in self.room.store.gold()) if self._mixes(queue) else ()

    def _mixes(self, queue: Queue) -> bool:
        return (
            self.room.params.gold_share > 0
            and queue.kind == "built-in"
            and queue.name in ("unlabeled", "assigned", "score")
        )

    def _keep(self, key: tuple[Any, ...], make: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made


def is_chosen(queue: Queue) -> bool:
    """Whether a blinded reviewer may have chosen what the queue holds."""
    return queue.kind == "selection" or (queue.kind == "filter" and is_open(queue.spec))


def is_open(spec: QueueSpec) -> bool:
    """Whether a filter asks only for what a blinded reviewer may know; the order may be by SCORE, it is shuffled.

    What is assigned is not: beside the queue ``assigned`` it would show which objects were mixed in.

    Examples
    --------
    >>> is_open(QueueSpec(filters=(Filter("SNR", ">", 2),))), is_open(QueueSpec(filters=(Filter("SCORE", ">", 9),)))
    (True, False)
    """
    known = OPEN_COLUMNS | {"MINE", "FLAGGED"}
    return spec.order_by in OPEN_COLUMNS | {"SCORE"} and all(
        one.column in known or (one.column == "SCORE" and one.op == "known") for one in spec.filters
    )


def shuffle(rows: NDArray[np.int64], block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Shuffle within blocks; which block an object is in stays.

    Examples
    --------
    >>> mixed = shuffle(np.arange(10), 5, np.random.default_rng(1))
    >>> sorted(mixed[:5].tolist()), sorted(mixed[5:].tolist())
    ([0, 1, 2, 3, 4], [5, 6, 7, 8, 9])
    """
    key = np.arange(len(rows)) // block + rng.random(len(rows))
    return rows[np.argsort(key, kind="stable")]


def mix(
    rows: NDArray[np.int64], golden: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Put gold items among others, at random places, so that they are ``share`` of what is seen while they last.

    Examples
    --------
    >>> mixed = mix(np.arange(100), np.array([200, 201]), 0.1, np.random.default_rng(1))
    >>> len(mixed), bool(np.isin([200, 201], mixed[:20]).all())
    (102, True)
    """
    if not len(golden) or share <= 0:
        return rows
    apart = 1 / share
    places = ((np.arange(len(golden)) + rng.random(len(golden))) * apart).astype(np.int64)
    places = np.minimum(
        places - np.arange(len(golden)), len(rows)
    )  # `insert` counts places before anything is inserted
    return np.insert(rows, np.maximum(places, 0), golden)


def is_true_or_false(one: Filter) -> None:
    """See that a filter asks for True or False.

    Raises
    ------
    ConfigError
        If it does not.
    """
    if one.op not in ("==", "!=") or not isinstance(one.value, bool):
        raise ConfigError(f"{one.column} is true or false; compare it by == or != with true or false")


def _holds(marks: dict[str, NDArray[Any]], filters: list[Filter]) -> NDArray[np.bool_]:
    """Which rows pass filters on marks, (n,) bool."""
    kept: NDArray[np.bool_] | None = None
    for one in filters:
        is_true_or_false(one)
        passed = marks[one.column] == (one.value if one.op == "==" else not one.value)
        kept = passed if kept is None else kept & passed
    return kept if kept is not None else np.ones(len(next(iter(marks.values()))), np.bool_)


def _title(name: str) -> str:
    return {
        "score": "by score", "tier": "on a certified list", "unlabeled": "not judged by me",
        "disagreements": "reviewers disagree", "learned": "what I may find interesting",
    }.get(name) or _found_by(name) or name.replace("tier-", "tier ")  # fmt: skip


def _found_by(name: str) -> str | None:
    """In the words of the page, and by the name in the column FOUND_BY.

    Examples
    --------
    >>> _found_by("found-by-CHI2"), _found_by("score")
    ('found by overall residual (CHI2)', None)
    """
    _, is_one, detector = name.partition("found-by-")
    if not is_one:
        return None
    return f"found by {NAMES[detector]} ({detector})" if detector in NAMES else f"found by {detector}"
