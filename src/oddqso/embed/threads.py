"""How many threads torch uses."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads(n_thread: int) -> Iterator[None]:
    """So many threads within the block, so that sums come out the same on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_thread)
    try:
        yield
    finally:
        torch.set_num_threads(before)
