"""A spectrum, its reconstruction and what fired, in one figure; the same axes are filled again for each spectrum."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from oddqso.reports import style
from oddqso.reports.binning import Binned, bin_pixels, pixels_for
from oddqso.reports.results import SpectrumView
from oddqso.reports.style import BLUE, FAINT, INK, MUTED, ORANGE, PINK, SHADE, new_figure, styled, to_webp
from oddqso.spectra.grid import JOINS_ANGSTROM, STEP_ANGSTROM
from oddqso.spectra.lines import LINES, SKY_LINES_ANGSTROM, TELLURIC_ANGSTROM

_WAVE_LIMITS: Final = (3560.0, 9864.0)
_CHI_LIMIT: Final = 8.0
_CHI_PIXELS: Final = 6
_PEAKS: Final = {"NARROW": PINK, "BROAD": BLUE}
_MARKS: Final = {"NARROW": 4.5, "BROAD": 7.0}
Array = NDArray[np.float64]


def plot_spectrum(view: SpectrumView, row: Mapping[str, Any], path: Path) -> None:
    """Write the figure of one spectrum as an image; the suffix of ``path`` says which kind.

    Parameters
    ----------
    view : SpectrumView
        The spectrum and its reconstruction.
    row : mapping of str to value
        Its row of the catalog: peaks and heading are taken from it.
    path : Path
        Ends in .png or .pdf.
    """
    sheet = SpectrumSheet()
    with styled():
        sheet.fill(view, row)
    if path.suffix.lower() == ".pdf":
        sheet.figure.savefig(path, metadata={"CreationDate": None})
    else:
        sheet.figure.savefig(path, dpi=150)


class SpectrumSheet:
    """The figure of a spectrum, drawn once and filled again for each: ten times faster than new axes each time.

    Parameters
    ----------
    width_pixels : int
        Width of the image [pixel].
    compact : bool
        Without the close-up and the key, for two figures side by side; 6/10 as wide.
    blind : bool
        Nothing that a detector said, for eyes that shall judge by themselves.
    """

    def __init__(self, width_pixels: int = 920, *, compact: bool = False, blind: bool = False) -> None:
        self._label_gap = 150.0 if compact else 85.0
        self._compact, self._blind = compact, blind
        with styled():
            width, left, right = (5.52, 0.105, 0.985) if compact else (9.2, 0.062, 0.985 if blind else 0.775)
            self.figure: Figure = new_figure(width, 3.3 if compact else 4.1, dpi=width_pixels / 9.2)
            self.figure.set_layout_engine("none")
            bottom, top = (0.14, 0.82) if compact else (0.115, 0.855)
            panels = self.figure.add_gridspec(
                2, 1, height_ratios=(2.3, 1), hspace=0.06, left=left, right=right, bottom=bottom, top=top
            )
            side = self.figure.add_gridspec(
                2, 1, height_ratios=(1.9, 1), hspace=0.3, left=0.795, right=0.95, bottom=0.115, top=0.855
            )
            self._main = self.figure.add_subplot(panels[0])
            self._chi = self.figure.add_subplot(panels[1], sharex=self._main)
            self._zoom = self.figure.add_subplot(side[0])
            self._key = self.figure.add_subplot(side[1])
            self._rest = self._main.twiny()
            self._draw_frame()
            self._draw_artists()
            self._draw_key()
            if blind:
                self._key.set_visible(False)
                self._draw_blind_key()
            if compact:
                self._key.set_visible(False)
                self._main.yaxis.label.set_fontsize(7.5)
                self._chi.yaxis.label.set_fontsize(7.5)

    def fill(self, view: SpectrumView, row: Mapping[str, Any], name: str | None = None) -> None:
        """Show this spectrum, under this name or else its TARGETID."""
        n_pixel = pixels_for(view)
        raw, smooth = bin_pixels(view, 2), bin_pixels(view, n_pixel)
        _draw(self._raw, raw)
        _draw(self._smooth, smooth)
        self._model.set_data(view.wave[::4], view.model[::4])
        self._model_band.set_verts(band(view.wave[::4], view.model[::4], view.model_sigma[::4]))
        self._noise_band.set_verts(band(smooth.wave, smooth.flux, smooth.sigma))
        limits = flux_limits(view, smooth)
        self._main.set_ylim(*limits)
        self._fill_chi(view)
        self._fill_peaks(view, row)
        self._fill_zoom(view, row, limits)
        self._fill_lines(view.z)
        self._rest.set_xlim(*(x / (1 + view.z) for x in _WAVE_LIMITS))
        self._title.set_text(_heading(view, row, n_pixel, name or str(view.target_id), compact=self._compact))

    def image(self) -> bytes:
        """The filled figure as WebP."""
        return to_webp(self.figure)

    def _draw_frame(self) -> None:
        main, chi, zoom = self._main, self._chi, self._zoom
        for axes in (main, chi):
            for low, high in SKY_LINES_ANGSTROM + TELLURIC_ANGSTROM:
                axes.axvspan(low, high, color=SHADE, lw=0, zorder=0)
            for low, high in JOINS_ANGSTROM:
                axes.axvspan(low, high, facecolor="none", edgecolor=FAINT, hatch="/////", lw=0, zorder=0)
        main.set_xlim(*_WAVE_LIMITS)
        main.tick_params(labelbottom=False)
        main.set_ylabel(style.FLUX_LABEL)
        chi.set_xlabel("observed wavelength [Å, vacuum]")
        chi.set_ylabel("residual [σ]")
        chi.set_ylim(-_CHI_LIMIT, _CHI_LIMIT)
        chi.set_yticks([-6, -3, 0, 3, 6])
        chi.axhline(0, color=MUTED, lw=0.8)
        for level in (-3, 3):
            chi.axhline(level, color=FAINT, lw=0.8, ls=(0, (4, 3)))
        self._rest.set_xlabel("rest wavelength [Å]", labelpad=2)
        self._rest.spines["top"].set_visible(True)
        zoom.set_xlabel("observed [Å]", labelpad=1)
        zoom.tick_params(labelsize=7)
        zoom.yaxis.tick_right()
        zoom.spines["left"].set_visible(False)
        zoom.spines["right"].set_visible(True)
        zoom.xaxis.set_major_locator(MaxNLocator(3))
        self._title = self.figure.suptitle(" ", x=0.01, y=0.985, ha="left", fontsize=9, fontweight="bold")

    def _draw_artists(self) -> None:
        main, chi, zoom = self._main, self._chi, self._zoom
        (self._raw,) = main.plot([], [], color=FAINT, lw=0.5, zorder=1)
        (self._smooth,) = main.plot([], [], color=INK, lw=0.8, zorder=3)
        (self._model,) = main.plot([], [], color=ORANGE, lw=1.3, zorder=4)
        self._noise_band = _polygons(main, MUTED, 0.35)
        self._model_band = _polygons(main, ORANGE, 0.25)
        (self._chi_line,) = chi.plot([], [], color=INK, lw=0.6, drawstyle="steps-mid", zorder=3)
        self._chi_fill = _polygons(chi, ORANGE, 0.6)
        self._peaks = {kind: [_stripe(axes, color) for axes in (main, chi)] for kind, color in _PEAKS.items()}
        self._marks = {
            kind: chi.plot(
                [], [], marker="v", ms=_MARKS[kind], color=color, ls="", clip_on=False, zorder=15 - _MARKS[kind]
            )[0]
            for kind, color in _PEAKS.items()
        }
        self._line_ticks = LineCollection(
            [], colors=MUTED, lw=0.7, ls=(0, (1, 2)), transform=main.get_xaxis_transform(), zorder=1
        )
        main.add_collection(self._line_ticks, autolim=False)
        self._labels = [
            main.text(0, 0.985, line.name, transform=main.get_xaxis_transform(), rotation=90, ha="right", va="top",
                      fontsize=7.5, color="#4a515e", visible=False)
            for line in LINES
        ]  # fmt: skip
        (self._zoom_flux,) = zoom.plot([], [], color=INK, lw=0.9, drawstyle="steps-mid", zorder=3)
        (self._zoom_model,) = zoom.plot([], [], color=ORANGE, lw=1.3, zorder=4)
        self._zoom_noise = _polygons(zoom, MUTED, 0.35)
        self._zoom_peak = _stripe(zoom, PINK)
        self._zoom_title = zoom.set_title(" ", fontsize=7.5, fontweight="normal", color=PINK)

    def _draw_key(self) -> None:
        self._key.axis("off")
        handles = [
            Line2D([], [], color=INK, lw=1.2, label="flux, ±1σ"),
            Line2D([], [], color=ORANGE, lw=1.5, label="reconstruction, ±1σ"),
            Patch(color=PINK, alpha=0.4, label="strongest narrow"),
            Patch(color=BLUE, alpha=0.4, label="strongest broad"),
            Patch(color=SHADE, label="sky, telluric; // joins"),
        ]
        self._key.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(-0.12, -0.12),
            fontsize=7,
            handlelength=1.3,
            labelspacing=0.35,
        )

    def _draw_blind_key(self) -> None:
        handles = [
            Line2D([], [], color=INK, lw=1.2, label="flux, ±1σ"),
            Line2D([], [], color=ORANGE, lw=1.5, label="reconstruction, ±1σ"),
            Patch(color=SHADE, label="sky, telluric; // joins"),
        ]
        self.figure.legend(handles=handles, loc="upper right", ncols=3, fontsize=7, handlelength=1.3, frameon=False)

    def _fill_chi(self, view: SpectrumView) -> None:
        wave, chi = chi_in_bins(view, _CHI_PIXELS)
        chi = np.clip(chi, -_CHI_LIMIT, _CHI_LIMIT)
        self._chi_line.set_data(wave, chi)
        beyond = np.where(np.abs(chi) > 3, chi, np.nan)
        self._chi_fill.set_verts(_bars(wave, beyond, _CHI_PIXELS * STEP_ANGSTROM))

    def _fill_peaks(self, view: SpectrumView, row: Mapping[str, Any]) -> None:
        for kind in _PEAKS:
            wave, half = _peak(row, kind)
            for patch in self._peaks[kind]:
                patch.set_visible(wave is not None)
                if wave is not None:
                    patch.set_x(wave - max(half, 6.0))
                    patch.set_width(2 * max(half, 6.0))
            self._marks[kind].set_data([] if wave is None else [wave], [] if wave is None else [_CHI_LIMIT])

    def _fill_zoom(self, view: SpectrumView, row: Mapping[str, Any], limits: tuple[float, float]) -> None:
        wave, half = _peak(row, "NARROW")
        shown = wave is not None and not self._compact
        self._zoom.set_visible(shown)
        if wave is None or not shown:
            return
        reach = max(40.0, 8 * half)
        near = np.abs(view.wave - wave) <= reach
        flux = np.where(view.good, view.flux, np.nan)[near]
        sigma = np.where(view.good, 1 / np.sqrt(np.where(view.ivar > 0, view.ivar, 1)), np.nan)[near]
        self._zoom_flux.set_data(view.wave[near], flux)
        self._zoom_model.set_data(view.wave[near], view.model[near])
        self._zoom_noise.set_verts(band(view.wave[near], flux, sigma))
        self._zoom_peak.set_x(wave - half)
        self._zoom_peak.set_width(2 * half)
        self._zoom.set_xlim(wave - reach, wave + reach)
        self._zoom.set_ylim(*_zoom_limits(flux, view.model[near], limits))
        self._zoom_title.set_text(f"strongest narrow, {wave:.0f} Å")

    def _fill_lines(self, z: float) -> None:
        segments, last = [], 0.0
        for label, line in zip(self._labels, LINES, strict=True):
            place = line.wave_angstrom * (1 + z)
            shown = _WAVE_LIMITS[0] < place < _WAVE_LIMITS[1]
            if shown:
                segments.append([(place, 0.0), (place, 1.0)])
            free = shown and place > _WAVE_LIMITS[0] + self._label_gap and place - last > self._label_gap
            label.set_visible(free)
            if free:
                label.set_x(place)
                last = place
        self._line_ticks.set_segments(segments)


def chi_in_bins(view: SpectrumView, n_pixel: int) -> tuple[Array, Array]:
    """The whitened residual of pixels taken together: sum of chi over the root of their number, NaN if none."""
    n_bin = len(view.wave) // n_pixel
    chi = view.chi[: n_bin * n_pixel].reshape(n_bin, n_pixel)
    known = np.isfinite(chi)
    number = known.sum(axis=1)
    total = np.where(known, chi, 0).sum(axis=1)
    wave = view.wave[: n_bin * n_pixel].reshape(n_bin, n_pixel).mean(axis=1)
    return wave, np.where(number > 0, total / np.sqrt(np.maximum(number, 1)), np.nan)


def _polygons(axes: Axes, color: str, alpha: float) -> PolyCollection:
    polygons = PolyCollection([], color=color, alpha=alpha, lw=0, zorder=2)
    axes.add_collection(polygons, autolim=False)
    return polygons


def _stripe(axes: Axes, color: str) -> Rectangle:
    stripe = Rectangle((0, 0), 0, 1, transform=axes.get_xaxis_transform(), color=color, alpha=0.22, lw=0, zorder=1)
    axes.add_patch(stripe)
    return stripe


def _draw(line: Line2D, binned: Binned) -> None:
    line.set_data(binned.wave, binned.flux)


def band(wave: NDArray[Any], middle: NDArray[Any], sigma: NDArray[Any]) -> list[Array]:
    """Polygons of middle ± sigma, one a run of known values."""
    known = np.isfinite(middle) & np.isfinite(sigma)
    cuts = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    verts = []
    for part in np.split(np.arange(len(wave)), cuts):
        if len(part) > 1 and known[part[0]]:
            x, y, s = wave[part], middle[part], sigma[part]
            verts.append(np.column_stack([np.concatenate([x, x[::-1]]), np.concatenate([y - s, (y + s)[::-1]])]))
    return verts


def _bars(wave: Array, height: Array, width: float) -> list[Array]:
    known = np.isfinite(height)
    x, y = wave[known], height[known]
    corners = np.stack([x - width / 2, x + width / 2, x + width / 2, x - width / 2], axis=1)
    tops = np.stack([np.zeros_like(y), np.zeros_like(y), y, y], axis=1)
    return list(np.stack([corners, tops], axis=2))


def _peak(row: Mapping[str, Any], kind: str) -> tuple[float | None, float]:
    """Where a peak is and half of its full width at half maximum [Angstrom]; None if there is none."""
    wave, scale = row.get(f"PEAK_{kind}_WAVE"), row.get(f"PEAK_{kind}_SCALE")
    return (None, 0.0) if wave is None or not scale else (float(wave), 1.1774 * float(scale) * STEP_ANGSTROM)


def flux_limits(view: SpectrumView, smooth: Binned) -> tuple[float, float]:
    """Limits of the flux axis that a few bad pixels do not set, with room for the names of lines."""
    known = np.isfinite(smooth.flux)
    flux = smooth.flux[known]
    if len(flux):
        flux = flux[smooth.sigma[known] < 5 * np.median(smooth.sigma[known])]
    model = view.model[np.isfinite(view.model)]
    if not len(flux) and not len(model):
        return 0.0, 1.0
    values = flux if len(flux) else model
    top = float(np.percentile(values, 99.7))
    if len(model):
        top = max(top, min(float(np.percentile(model, 99.8)), 1.5 * top))
    bottom = min(0.0, float(np.percentile(values, 0.5)))
    room = max(top - bottom, 1e-6)
    return bottom - 0.03 * room, top + 0.22 * room


def _zoom_limits(flux: Array, model: NDArray[Any], limits: tuple[float, float]) -> tuple[float, float]:
    values = np.concatenate([flux[np.isfinite(flux)], model[np.isfinite(model)]])
    if not len(values):
        return limits
    low, high = float(values.min()), float(values.max())
    room = max(high - low, 1e-6)
    return low - 0.08 * room, high + 0.08 * room


def _heading(view: SpectrumView, row: Mapping[str, Any], n_pixel: int, name: str, *, compact: bool) -> str:
    rank = f"rank {row['RANK']:,}   " if row.get("RANK") is not None else ""
    snr = f"   S/N {row['SNR']:.1f}" if row.get("SNR") is not None else ""
    smoothed = "" if compact else f"   smoothed to {n_pixel * STEP_ANGSTROM:.1f} Å"
    return f"{rank}{name}   z = {view.z:.4f}{snr}{smoothed}"
