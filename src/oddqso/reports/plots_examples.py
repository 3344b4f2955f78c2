"""Spectra with their reconstructions, a row each; and a training as it goes on: its curves above such rows."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from oddqso.reports.binning import bin_pixels, pixels_for
from oddqso.reports.plots_model import draw_curves
from oddqso.reports.results import SpectrumView
from oddqso.reports.spectrum_plot import band, chi_in_bins, flux_limits
from oddqso.reports.style import BLUE, FAINT, INK, MUTED, ORANGE, SHADE, new_figure, styled
from oddqso.spectra.lines import LINES, SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

_LIMITS: Final = (3560.0, 9864.0)
_CHI_LIMIT: Final = 6.0
_CHI_PIXELS: Final = 12
_LABEL_GAP: Final = 110.0


def draw_example(axes: Axes, view: SpectrumView, title: str) -> None:
    """Flux and reconstruction with their errors, lines by name, rest wavelength above."""
    smooth = bin_pixels(view, pixels_for(view))
    axes.plot(smooth.wave, smooth.flux, color=INK, lw=0.7, zorder=3)
    for corners in band(smooth.wave, smooth.flux, smooth.sigma):
        axes.fill(*corners.T, color=MUTED, alpha=0.3, lw=0, zorder=2)
    for corners in band(view.wave, view.model, view.model_sigma):
        axes.fill(*corners.T, color=ORANGE, alpha=0.3, lw=0, zorder=2)
    axes.plot(view.wave, view.model, color=ORANGE, lw=1.2, zorder=4)
    _shade(axes)
    _label_lines(axes, view.z)
    axes.set_xlim(*_LIMITS)
    axes.set_ylim(*flux_limits(view, smooth))
    axes.set_title(title, loc="right", fontsize=8.5, pad=4)
    frames: Any = (lambda wave: wave / (1 + view.z), lambda wave: wave * (1 + view.z))
    rest = axes.secondary_xaxis("top", functions=frames)
    rest.tick_params(labelsize=7, pad=1, direction="in", length=2.5)
    axes.spines["top"].set_visible(True)


def draw_residual(axes: Axes, view: SpectrumView) -> None:
    """The whitened residual, pixels taken together; what is beyond 3 standard deviations in color."""
    wave, chi = chi_in_bins(view, _CHI_PIXELS)
    chi = np.clip(chi, -_CHI_LIMIT, _CHI_LIMIT)
    axes.axhspan(-1, 1, color=SHADE, lw=0, zorder=0)
    axes.plot(wave, chi, color=INK, lw=0.6, drawstyle="steps-mid", zorder=3)
    axes.plot(wave, np.where(np.abs(chi) > 3, chi, np.nan), "o", color=BLUE, ms=2.5, zorder=4)
    for level in (-3, 3):
        axes.axhline(level, color=FAINT, lw=0.8, ls=(0, (4, 3)))
    axes.set_ylim(-_CHI_LIMIT - 0.5, _CHI_LIMIT + 0.5)
    axes.set_yticks([-3, 0, 3])
    axes.set_xlim(*_LIMITS)


def plot_progress(rows: Sequence[Mapping[str, Any]], views: Sequence[SpectrumView], titles: Sequence[str]) -> Figure:
    """Curves of a training so far, and some held-out spectra as the model sees them now.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of ``curves.csv``.
    views : sequence of SpectrumView
        The spectra, in any unit of flux.
    titles : sequence of str
        A few words for each.
    """
    with styled():
        figure = new_figure(9.2, 2.6 + 2.0 * len(views))
        parts: Any = figure.subfigures(2, 1, height_ratios=(2.4, max(2.0 * len(views), 0.1)))
        above, below = parts
        draw_curves(above, rows)
        for i, (view, title) in enumerate(zip(views, titles, strict=True)):
            axes = below.add_subplot(len(views), 1, i + 1)
            draw_example(axes, view, title)
            axes.set_ylabel("flux / continuum")
            if i == 0:
                axes.set_title("held-out spectra (black, ±1σ), reconstruction (orange, ±1σ); above: rest frame [Å]",
                               fontsize=8.5, fontweight="normal", pad=4)  # fmt: skip
            if i == len(views) - 1:
                axes.set_xlabel("observed wavelength [Å, vacuum]; gray: sky lines and telluric bands")
    return figure


def write_aside(figure: Figure, path: Path, dpi: float = 100.0) -> None:
    """Write a figure as PNG, whole or not at all: who looks at it never sees half of it."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    aside = path.with_name(path.name + ".new")
    aside.write_bytes(buffer.getvalue())
    aside.replace(path)


def _shade(axes: Axes) -> None:
    for low, high in SKY_LINES_ANGSTROM + TELLURIC_ANGSTROM:
        axes.axvspan(low, high, color=SHADE, lw=0, zorder=0)


def _label_lines(axes: Axes, z: float) -> None:
    last = 0.0
    for line in LINES:
        place = line.wave_angstrom * (1 + z)
        named = line.broad or line.name in ("[O II]", "[O III]")
        if not named or not _LIMITS[0] + 0.5 * _LABEL_GAP < place < _LIMITS[1]:
            continue
        axes.axvline(place, color=FAINT, lw=0.7, ls=":", zorder=1)
        if place - last > _LABEL_GAP:
            axes.text(place, 0.97, line.name, transform=axes.get_xaxis_transform(), rotation=90, ha="right", va="top",
                      fontsize=7, color="#4a515e")  # fmt: skip
            last = place
