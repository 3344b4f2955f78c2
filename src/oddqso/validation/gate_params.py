"""Settings of the simulation gate."""

from pydantic import Field

from oddqso.params import Params


class GateParams(Params):
    """How the simulation gate is run."""

    replicates: int = Field(200, ge=2)
    """Splits of the held-out spectra, for each composition."""
    anew: int = Field(20, ge=2)
    """Splits in which the normalization is learned again from what is in them."""
    miss: float = Field(0.05, ge=0, le=1)
    """Share of the odd spectra that the simulated vetters call ordinary."""
    false_alarm: float = Field(0.01, ge=0, le=1)
    """Share of the ordinary spectra that they call odd."""
    group_snr: tuple[float, ...] = (2.0,)
    """Edges in S/N of the groups in each of which a claim is made."""
    seed: int = Field(1, ge=0)
    """Of the splits, the vetters and the rest of chance."""
