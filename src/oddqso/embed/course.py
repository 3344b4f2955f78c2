"""How far a training has come: shares of its time, known beforehand from how many spectra each part goes through.

With thousands of spectra they are roughly right. With few, what does not grow with their number takes longer than its
share.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddqso.embed.params import TrainParams

Tell = Callable[[str, float], None]
"""Is told what is being done, and the share of it that is done, 0 to 1."""

_ITERATION, _HELD_OUT, _CALIBRATION = 0.85, 0.4, 0.5
"""Time of a spectrum in an iteration of the linear part, in a validation, and in a pass of the calibration, relative to
that in a step of the training, as measured with 63 components on one core."""
_TURNS = 12
"""Passes over the held-out spectra in the end: calibration, accuracy, leakage, consistency."""
_GATHER = 0.02


@dataclass(frozen=True, slots=True)
class Course:
    """Tells of the whole training what each part tells of itself; the share never falls.

    Parameters
    ----------
    tell : callable
        Is told of the whole.
    linear, network : float
        Shares of the whole at which the linear part, and then the network, is done; the spectra are gathered before.

    Examples
    --------
    >>> course = Course(lambda words, share: print(words, round(share, 3)), 0.3, 0.9)
    >>> course.gather("gather", 0.5)
    gather 0.01
    >>> course.train("epoch", 0.5)
    epoch 0.6
    """

    tell: Tell
    linear: float = 0.5
    network: float = 0.95

    def gather(self, words: str, share: float) -> None:
        """Spectra are gathered."""
        self.tell(words, _GATHER * share)

    def fit(self, words: str, share: float) -> None:
        """The linear part is fitted."""
        self.tell(words, _GATHER + (self.linear - _GATHER) * share)

    def train(self, words: str, share: float) -> None:
        """The network is trained."""
        self.tell(words, self.linear + (self.network - self.linear) * share)

    def measure(self, words: str) -> None:
        """All is trained; what is left is calibrated and measured."""
        self.tell(words, self.network)


def plan_course(tell: Tell, params: TrainParams, held_out: NDArray[np.bool_]) -> Course:
    """Shares for a training on so many spectra.

    Parameters
    ----------
    tell : callable
        Is told of the whole.
    params : TrainParams
        With the schedule that is used, that of finetuning where it is one.
    held_out : (n_spec,) bool
        Which spectra are held out.

    Examples
    --------
    >>> course = plan_course(print, TrainParams(), np.arange(10_000) < 1500)
    >>> 0.02 < course.linear < course.network < 1
    True
    """
    n_held_out = int(held_out.sum())
    n_learn = len(held_out) - n_held_out
    linear = _ITERATION * (params.n_em + 4) * min(n_learn, params.max_em_spectra)
    validated = min(n_held_out, params.epoch_spectra // 4)
    network = params.max_epochs * (min(n_learn, params.epoch_spectra) + _HELD_OUT * validated)
    rest = _CALIBRATION * _TURNS * min(n_held_out, params.max_em_spectra // 4)
    unit = (1 - _GATHER) / max(linear + network + rest, 1e-9)
    return Course(tell, _GATHER + unit * linear, _GATHER + unit * (linear + network))
