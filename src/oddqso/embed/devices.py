"""Where the model is computed, and what happens when memory there runs out."""

import logging
import re
from collections.abc import Callable
from typing import TypeVar

import torch
from torch.multiprocessing.spawn import ProcessRaisedException

from oddqso.errors import ConfigError, DataError

T = TypeVar("T")

_NO_MEMORY = re.compile(r"^(torch\.(cuda\.)?OutOfMemoryError\b|MemoryError\b|RuntimeError: .*not enough memory)", re.M)
"""How the last line of a traceback begins when memory ran out."""

logger = logging.getLogger(__name__)


def find_device(wanted: str, n_device: int = 1) -> torch.device:
    """The device of a setting: "cpu", "gpu", or "auto" for a GPU if there is one.

    Products and convolutions of float32 are made in float32 from then on: by default GPUs round what enters
    convolutions to ten bits (TF32), and calibration and scoring are of one precision.

    Raises
    ------
    ConfigError
        If a GPU is wanted and there is none, or there are fewer than ``n_device``.

    Examples
    --------
    >>> find_device("cpu")
    device(type='cpu')
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
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
    """Whether an error of torch means that there was no memory left, on a GPU or for the processor.

    What a process of a training on several devices raised comes as the text of its traceback.

    Examples
    --------
    >>> memory_ran_out(MemoryError()), memory_ran_out(RuntimeError("shapes do not fit"))
    (True, False)
    """
    if isinstance(error, ProcessRaisedException):
        return _NO_MEMORY.search(str(error)) is not None
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
        except (RuntimeError, MemoryError, ProcessRaisedException) as error:
            if not memory_ran_out(error):
                raise
            if batch_size == 1:
                raise DataError(f"{what}: memory is too small for a single spectrum ({error}); free some") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        batch_size //= 2
        logger.warning("%s: memory ran out, going on with batches of %d spectra", what, batch_size)
