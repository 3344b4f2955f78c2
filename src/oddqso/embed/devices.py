"""Where the model is computed, and what happens when memory there runs out."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from oddqso.errors import ConfigError, DataError

T = TypeVar("T")

logger = logging.getLogger(__name__)


def find_device(wanted: str, n_device: int = 1) -> torch.device:
    """The device of a setting: "cpu", "gpu", or "auto" for a GPU if there is one.

    Raises
    ------
    ConfigError
        If a GPU is wanted and there is none, or there are fewer than ``n_device``.

    Examples
    --------
    >>> find_device("cpu")
    device(type='cpu')
    """
    there = wanted != "cpu" and torch.cuda.is_available()
    if wanted == "gpu" and not there:
        raise ConfigError(
            "a GPU is wanted (train.accelerator or embed.device), but torch finds none: install torch for CUDA, or set "
            'it to "cpu" or "auto"'
        )
    if there and n_device > torch.cuda.device_count():
        raise ConfigError(f"train.devices is {n_device}, but torch finds {torch.cuda.device_count()} GPU(s)")
    return torch.device("cuda" if there else "cpu")


def memory_ran_out(error: BaseException) -> bool:
    """Whether an error of torch means that there was no memory left, on a GPU or for the processor."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in str(error)


def halving(work: Callable[[int], T], batch_size: int, what: str) -> T:
    """What ``work(batch_size)`` gives; each time that memory runs out it is called again with half as much.

    Raises
    ------
    DataError
        If memory is too small for a single spectrum.

    Examples
    --------
    >>> def work(batch_size):
    ...     if batch_size > 20:
    ...         raise torch.OutOfMemoryError
    ...     return batch_size
    >>> halving(work, 64, "the example")
    16
    """
    while True:
        try:
            return work(batch_size)
        except (RuntimeError, MemoryError) as error:
            if not memory_ran_out(error):
                raise
            if batch_size == 1:
                raise DataError(f"{what}: memory is too small for a single spectrum ({error}); free some") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        batch_size //= 2
        logger.warning("%s: memory ran out, going on with batches of %d spectra", what, batch_size)
