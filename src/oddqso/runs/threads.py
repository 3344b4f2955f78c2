"""Linear algebra on one thread: sums come out the same on any number of cores."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the libraries of linear algebra that are loaded by now to one thread each, within the block.

    A sum depends on how it is parted among threads; results may not depend on the machine. Libraries that are loaded
    inside the block are not reached: enter it after importing them.
    """
    import scipy.linalg  # noqa: F401  (loads its library)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
