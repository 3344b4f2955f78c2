"""How the plots look: colors that the color-blind can tell apart (Okabe & Ito 2008), small type, few lines."""

import base64
import io
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

INK: Final = "#22262e"
MUTED: Final = "#8a919e"
FAINT: Final = "#c3c8d1"
SHADE: Final = "#eceef2"
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"
PINK: Final = "#b8578f"
GOLD: Final = "#e69f00"
SKY: Final = "#56b4e9"

STYLE: Final[dict[str, Any]] = {
    "font.size": 9.0, "axes.labelsize": 9.0, "axes.titlesize": 10.0, "xtick.labelsize": 8.0, "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0, "legend.frameon": False, "axes.edgecolor": MUTED, "axes.labelcolor": INK,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.8, "axes.spines.top": False,
    "axes.spines.right": False, "axes.titlelocation": "left", "axes.titleweight": "bold", "figure.facecolor": "white",
    "savefig.facecolor": "white", "xtick.direction": "out", "ytick.direction": "out", "pdf.fonttype": 42,
    "axes.grid": False, "figure.dpi": 100.0, "svg.hashsalt": "oddqso", "lines.linewidth": 1.4,
}  # fmt: skip
"""Settings of matplotlib, for `matplotlib.rc_context`."""

FLUX_LABEL: Final = r"$F_\lambda$  [$10^{-17}$ erg s$^{-1}$ cm$^{-2}$ Å$^{-1}$]"


def styled() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in our style."""
    settings: Any = STYLE
    return matplotlib.rc_context(settings)


def new_figure(width: float, height: float, dpi: float = 100.0) -> Figure:
    """An empty figure with a canvas of its own [inch]; pyplot and its global state are not used."""
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_webp(figure: Figure) -> bytes:
    """A drawn figure as WebP, the smallest that a browser reads."""
    canvas: Any = figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=82, method=1)
    return buffer.getvalue()


def save(figure: Figure, path: Path, *, pdf: bool) -> bytes:
    """Write a figure as PNG, and as PDF if asked, without dates; gives the bytes of the PNG."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        if pdf:
            figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None, "Producer": None, "Creator": None})
    path.with_suffix(".png").write_bytes(buffer.getvalue())
    return buffer.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """An image as text that stands in a page.

    Examples
    --------
    >>> data_uri(b"x", "png")
    'data:image/png;base64,eA=='
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
