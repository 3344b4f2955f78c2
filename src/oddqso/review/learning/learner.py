"""`Learner`: predicted interest of every object of a run, from the verdicts of one reviewer or of all together.

Two threads work behind it. One computes the features of spectra, once a run; until they are there the catalog's own
have to do. The other learns: it judges the top of the plain ranking and hands that out, then the rest. Readers get the
last result or the new one, always whole, and never wait.
"""

import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddqso.errors import StageError
from oddqso.review.learning.feature_file import Source, compute_features, read_features
from oddqso.review.learning.features import Features, catalog_features
from oddqso.review.learning.forest import warm_up
from oddqso.review.learning.judging import judge, judge_rest
from oddqso.review.learning.params import LearningParams
from oddqso.review.learning.ranking import screen
from oddqso.review.learning.report import make_report
from oddqso.review.learning.state import SHARED, Learned, Scope, State, VerdictStore, read_labels

_MOST_SCOPES: Final = 16
"""Results that are kept; one takes 32 MB at 1.6 million objects."""
_POLL_S: Final = 1.0
_log = logging.getLogger(__name__)


class _Interrupted(Exception):
    """Something more urgent came up, or the learner was closed."""


class Learner:
    """Learns in the background; see the module's docstring.

    Parameters
    ----------
    source : Source
        The run that is reviewed.
    store : VerdictStore
        Its verdicts.
    params : LearningParams
    """

    def __init__(self, source: Source, store: VerdictStore, params: LearningParams | None = None) -> None:
        self.source, self.store, self.params = source, store, params or LearningParams()
        self._score = np.asarray(source.columns["SCORE"], dtype=np.float32)
        self._state = State()
        self._plain = screen(self._score, self.params)
        self._changed = threading.Condition()
        self._polled, self._last_id = 0.0, -1
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work in the background."""
        for work in (self._compute_features, self._work):
            thread = threading.Thread(target=work, name=f"learning-{work.__name__.strip('_')}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def take_features(self, features: Features) -> None:
        """Work with these features, of all objects in the catalog's order, rather than compute them."""
        with self._changed:
            state = self._state
            state.features, state.complete, state.share = features, True, 1.0
            state.wanted.update(dict.fromkeys(state.learned))
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and wait until what is under way has stopped."""
        with self._changed:
            self._state.closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def refresh(self, scope: Scope = SHARED) -> None:
        """Ask for a ranking from the labels of now; it is made in the background."""
        with self._changed:
            self._state.wanted[scope] = None
            self._changed.notify_all()

    def wait(self, scope: Scope = SHARED, timeout_s: float = 60.0, *, finished: bool = False) -> Learned | None:
        """Wait until what was asked for in a scope is done, or has failed; with ``finished`` also for the rest."""

        def done() -> bool:
            state, found = self._state, self._state.learned.get(scope)
            busy = scope in state.wanted or scope in state.at_work
            if state.features_error and state.features is None:
                return True
            return state.closed or not (busy or (finished and found is not None and not found.finished))

        with self._changed:
            self._changed.wait_for(done, timeout_s)
            return self._state.learned.get(scope)

    def wait_for_features(self, timeout_s: float = 600.0) -> bool:
        """Wait until the features of spectra are there; False if they cannot be had."""
        with self._changed:
            self._changed.wait_for(lambda: self._state.complete or bool(self._state.features_error), timeout_s)
            return self._state.complete

    def choose(self, reviewer: str, *, shared: bool) -> None:
        """Let a reviewer follow the ranking of all, or that of the reviewer's own verdicts."""
        with self._changed:
            self._state.chosen[reviewer] = SHARED if shared else reviewer

    def scope_of(self, reviewer: str) -> Scope:
        """The scope that a reviewer follows; at first the reviewer's own."""
        return self._state.chosen.get(reviewer, reviewer)

    def learned(self, scope: Scope = SHARED) -> Learned | None:
        """The last result in a scope; None if there is none. Asks for one where there is none, or an old one."""
        last_id = self._newest_entry()
        with self._changed:
            found = self._state.learned.get(scope)
            if found is not None:
                self._state.learned.move_to_end(scope)
            _, tried = self._state.errors.get(scope, ("", -1 if found is None else found.last_id))
            if tried < 0 or last_id - tried >= self.params.refresh_every:
                self._state.wanted[scope] = None
                self._changed.notify_all()
        return found

    def columns(self, scope: Scope = SHARED) -> dict[str, NDArray[np.float32]]:
        """INTEREST, INTEREST_SIGMA and PROMISE by catalog row, (n,) float32, NaN where unknown; {} if not there yet.

        PROMISE is larger for what is offered earlier, and NaN for what has a label.
        """
        found = self.learned(scope)
        if found is None:
            return {}
        judgment = found.judgment
        return {"INTEREST": judgment.interest, "INTEREST_SIGMA": judgment.sigma, "PROMISE": found.promise}

    def predict(
        self, target_ids: NDArray[np.int64] | list[int], scope: Scope = SHARED
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Predicted interest, 0 to 5, and its standard deviation, (n,) float32 each; NaN before the first label."""
        rows = self.source.rows_of(np.asarray(target_ids, dtype=np.int64))
        found = self.learned(scope)
        if found is None or not len(found.labels):
            return np.full(len(rows), np.nan, np.float32), np.full(len(rows), np.nan, np.float32)
        known = rows >= 0
        interest, sigma = found.judgment.interest[rows], found.judgment.sigma[rows]
        return np.where(known, interest, np.float32(np.nan)), np.where(known, sigma, np.float32(np.nan))

    def offered(self, scope: Scope = SHARED) -> NDArray[np.intp]:
        """Catalog rows of what has no label, in the order in which it is offered; by plain score until then."""
        found = self.learned(scope)
        return self._plain if found is None else found.judgment.order

    def ranked(self, scope: Scope = SHARED) -> NDArray[np.int64]:
        """The same as TARGETIDs."""
        return np.asarray(self.source.columns["TARGETID"])[self.offered(scope)]

    def status(self, scope: Scope = SHARED) -> dict[str, Any]:
        """How far the work is, ready for JSON."""
        last_id = self._newest_entry()
        with self._changed:
            state, found = self._state, self._state.learned.get(scope)
            busy = scope in state.wanted or scope in state.at_work
            busy &= not state.features_error or state.features is not None
            return {
                "state": "working" if busy else "idle" if found is None or found.finished else "finishing",
                "error": state.errors.get(scope, ("", 0))[0],
                "features": {
                    "n": 0 if state.features is None else len(state.features.names),
                    "complete": state.complete, "share": round(state.share, 4), "error": state.features_error,
                },
                "new_entries": max(0, last_id if found is None else last_id - found.last_id),
                "result": None if found is None else self._summary(found),
            }  # fmt: skip

    def _summary(self, found: Learned) -> dict[str, Any]:
        interest = found.labels.interest
        return {
            "n_labels": len(found.labels),
            "n_interesting": int((interest >= self.params.interesting_from).sum()),
            "model": found.judgment.model,
            "n_features": len(found.features.names),
            "complete": found.judgment.complete,
            "seconds": round(found.seconds, 3),
            "time": found.time,
        }

    def _newest_entry(self) -> int:
        """The last entry of the store, looked up at most once a second."""
        now = time.monotonic()
        if now - self._polled > _POLL_S or self._last_id < 0:
            self._last_id, self._polled = self.store.last_id(), now
        return self._last_id

    def _compute_features(self) -> None:
        def advance(share: float) -> None:
            with self._changed:
                self._state.share = share
                if self._state.closed:
                    raise _Interrupted

        if self._state.complete:
            warm_up()
            return
        try:
            features = read_features(self.source)
            if features is None:
                first = catalog_features(self.source.columns)
                with self._changed:
                    self._state.features = first
                    self._changed.notify_all()
                features = compute_features(self.source, advance)
        except _Interrupted:
            return
        except Exception as error:  # the last handler of a thread: what it does not say, nobody learns
            _log.exception("the features of the spectra cannot be computed")
            with self._changed:
                self._state.features_error = str(error) or type(error).__name__
                self._changed.notify_all()
            return
        self.take_features(features)
        warm_up()

    def _work(self) -> None:
        while (task := self._next_task()) is not None:
            scope, found = task
            try:
                done = self._screened(scope) if found is None else self._finished(found)
            except _Interrupted:  # a result that is not finished is taken up again
                continue
            except Exception as error:  # the last handler of a thread: what it does not say, nobody learns
                _log.exception("learning failed")
                self._publish(scope, None, str(error) or type(error).__name__)
            else:
                self._publish(scope, done, "")

    def _next_task(self) -> tuple[Scope, Learned | None] | None:
        """A scope to learn anew, else a result to finish; None when closed. Waits until there is something."""
        with self._changed:
            while not self._state.closed:
                state = self._state
                if state.wanted and state.features is not None:
                    scope, _ = state.wanted.popitem(last=False)
                    state.at_work.add(scope)
                    return scope, None
                for scope, found in reversed(state.learned.items()):
                    if not found.finished and scope not in state.errors:
                        return scope, found
                self._changed.wait()
        return None

    def _publish(self, scope: Scope, done: Learned | None, error: str) -> None:
        with self._changed:
            state = self._state
            state.at_work.discard(scope)
            state.errors.pop(scope, None)
            if error:
                state.errors[scope] = (error, self._last_id)
            if done is not None:
                state.learned[scope] = done
                while len(state.learned) > _MOST_SCOPES:
                    state.learned.popitem(last=False)
            self._changed.notify_all()

    def _screened(self, scope: Scope) -> Learned:
        """What the labels of now make of the top of the plain ranking."""
        start, features = time.monotonic(), self._state.features
        if features is None:
            raise StageError("there are no features yet")
        last_id = self.store.last_id()
        labels = read_labels(self.store, scope, self.params)
        rows = self.source.rows_of(labels.target_id)
        labels, rows = labels[np.flatnonzero(rows >= 0)], rows[rows >= 0]
        before = self._state.learned.get(scope)
        if before is not None and before.features is features and before.labels.same(labels):
            return replace(before, last_id=last_id)
        judgment = judge(features, self._score, rows, labels.interest, self.params)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Learned(labels, last_id, features, judgment, judgment.promise(), time.monotonic() - start, now)

    def _finished(self, found: Learned) -> Learned:
        """The same with a report, and with all other objects judged."""
        rows = self.source.rows_of(found.labels.target_id)
        pool = found.features.rows(np.sort(self._plain))
        report = make_report(found.features, pool, rows, found.labels, self.params)
        self._check()
        judgment = judge_rest(found.judgment, found.features, self._score, self.params, self._check)
        return replace(found, judgment=judgment, promise=judgment.promise(), report=report, finished=True)

    def _check(self) -> None:
        if self._state.wanted or self._state.closed:
            raise _Interrupted
