"""Settings of the preparation."""

from pydantic import Field

from oddqso.params import Params


class PrepareParams(Params):
    """How native spectra become model spectra."""

    min_overlap: float = Field(default=0.5, gt=0, le=1)
    """A model pixel needs this share of its width covered by good native pixels."""
    min_coverage: float = Field(default=0.2, ge=0, le=1)
    """Below this share of good native pixels a spectrum gets FEW_PIXELS; one arm alone is 0.3."""
    min_window_pixels: int = Field(default=40, ge=1)
    """Good model pixels in line-free windows that a scale needs; with fewer, all redward of Lyman alpha are used."""
    scatter: float = Field(default=0.15, gt=0)
    """How far a continuum may stray from the template, as a fraction: added to the noise in the weights of a scale."""
    clip_sigma: float = Field(default=3.0, gt=0)
    """Window pixels farther from the scaled template than this are left out."""
    n_passes: int = Field(default=5, ge=1)
    """Rounds of weighting and clipping."""
    low_signal_sigma: float = Field(default=3.0, gt=0)
    """A scale below this many times its own error gets LOW_SIGNAL and is set to that."""
    z_min: float = 0.05
    """Redshifts below get Z_RANGE: such a quasar's class is usually wrong."""
    z_max: float = 6.0
    """Redshifts above get Z_RANGE: little is left redward of Lyman alpha."""
    strict_snr_min: float = Field(default=0.5, ge=0)
    """The strict sample has a median S/N per native pixel of at least this; fainter spectra are scored all the same."""
