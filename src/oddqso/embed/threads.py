"""How many threads torch and the linear algebra of NumPy use."""

from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg  # noqa: F401  (loads its library, so that it is reached)
import torch
from threadpoolctl import threadpool_limits


@contextmanager
def threads(n_thread: int) -> Iterator[None]:
    """So many threads of torch within the block, and one of NumPy: sums come out the same on any number of cores."""
    before = torch.get_num_threads()
    with threadpool_limits(1, user_api="blas"):
        torch.set_num_threads(n_thread)
        try:
            yield
        finally:
            torch.set_num_threads(before)
