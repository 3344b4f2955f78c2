"""Settings of the simulated quasars and of the instrument."""

from pydantic import Field

from oddqso.params import Params


class PhysicsParams(Params):
    """What the simulated quasars are like."""

    magnitude_bright: float = 17.0
    """Brightest r magnitude."""
    magnitude_knee: float = 22.0
    """The counts rise to this r magnitude and are flat beyond."""
    magnitude_faint: float = 22.9
    """Faintest r magnitude."""
    magnitude_slope: float = 0.35
    """Slope of log10 of the counts per magnitude below the knee."""
    slope_scatter: float = Field(0.30, ge=0)
    """Scatter of the continuum's index."""
    ebv_scale: float = Field(0.025, ge=0)
    """Scale of the exponential distribution of the reddening at the quasar's redshift [mag]."""
    bal_fraction: float = Field(0.15, ge=0, le=1)
    """Share of quasars with broad C IV absorption."""
    lobal_fraction: float = Field(0.01, ge=0, le=1)
    """Share of quasars with broad Mg II and Al III absorption too."""


class NoiseParams(Params):
    """What the instrument and the sky do to a spectrum."""

    exposure_scatter: float = Field(0.12, ge=0)
    """Scatter of ln(noise) between exposures."""
    sky_residual: float = Field(0.004, ge=0)
    """Scatter of the sky lines' subtraction, as a share of the sky."""
    warp: float = Field(0.02, ge=0)
    """Scatter of the flux calibration within an arm."""
    arm_step: float = Field(0.012, ge=0)
    """Scatter of the flux calibration between arms."""
    masked_fraction: float = Field(0.004, ge=0, lt=0.5)
    """Share of pixels with a mask bit and ivar 0."""
    bad_arm_fraction: float = Field(0.004, ge=0, le=1)
    """Share of targets with an arm that has no data."""
