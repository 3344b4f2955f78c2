"""The picture of a training under way, drawn anew now and then."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from oddqso.embed.watch import Look

PICTURE_NAME: Final = "progress.png"

logger = logging.getLogger(__name__)


class Picture:
    """Draws ``progress.png`` after an epoch, as often as that takes no more than a small share of the time.

    Parameters
    ----------
    folder : Path
        Where.
    share : float
        Most of the time that pictures may take.
    first_s : float
        The first picture comes after so many seconds, so that a short training has none.
    clock : callable
        Tells seconds.
    """

    def __init__(
        self, folder: Path, share: float = 0.02, first_s: float = 45.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path, self.share, self.clock = folder / PICTURE_NAME, share, clock
        self._due = clock() + first_s

    def __call__(self, look: "Callable[[], Look]") -> None:
        """Draw, if it is time. A picture that cannot be written is no reason to end a training."""
        began = self.clock()
        if began < self._due:
            return
        try:
            draw(look(), self.path)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.path, error.strerror)
        ended = self.clock()
        self._due = ended + (ended - began) / self.share


def draw(look: "Look", path: Path) -> None:
    """Write the picture of a look."""
    from oddqso.reports.plots_examples import plot_progress, write_aside
    from oddqso.reports.results import SpectrumView
    from oddqso.spectra.grid import model_grid

    wave = model_grid()
    views = [
        SpectrumView(row, float(look.z[row]), wave, look.flux[row], look.ivar[row], look.model[row], look.error[row])
        for row in range(len(look.z))
    ]
    titles = [f"z = {z:.3f}   S/N {snr:.1f}" for z, snr in zip(look.z, np.asarray(look.snr), strict=True)]
    write_aside(plot_progress(look.curves, views, titles), path)
