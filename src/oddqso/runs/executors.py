"""Executors: one method, `map`. All run the very same code; names travel to the workers, records come back."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Protocol, Self, TypeVar

from oddqso.errors import StageError

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Runs a function over tasks, in any order."""

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """Yield the results as they come; every task gives exactly one."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Serial:
    """One task after another, in this process."""

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """Yield the results in the order of the tasks."""
        return map(function, tasks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Processes:
    """A pool of worker processes on this machine, one thread each.

    Parameters
    ----------
    n_workers : int
        How many.

    Raises
    ------
    StageError
        From `map`, if a worker is killed.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """Yield the results as they come; only a few tasks wait in the workers' queue."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.n_workers, context, initializer=_one_thread)
        queue, any_done = iter(tasks), False
        pending: set[Future[Any]] = {self._pool.submit(function, task) for task in islice(queue, 2 * self.n_workers)}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                pending |= {self._pool.submit(function, task) for task in islice(queue, len(done))}
                for future in done:
                    result = future.result()
                    any_done = True
                    yield result
        except BrokenProcessPool as error:
            self.close()
            if not any_done and not hasattr(sys, "ps1"):
                raise StageError(
                    "the worker processes ended before they had done anything: out of memory, or called from a script "
                    "whose calls are not under `if __name__ == '__main__':` (workers import the script); put them "
                    "there, or use workers=1"
                ) from error
            raise StageError(
                "a worker process was killed (out of memory?); what was finished is kept: "
                "run the same command again, with fewer --workers if memory is short"
            ) from error

    def close(self) -> None:
        """End the workers; tasks that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"


def make_executor(n_workers: int) -> Serial | Processes:
    """The executor for so many workers on this machine."""
    return Serial() if n_workers <= 1 else Processes(n_workers)
