"""Settings of the injection laboratory."""

from pydantic import Field

from oddqso.params import Params


class InjectParams(Params):
    """What is planted, and into what.

    Examples
    --------
    >>> InjectParams(snr_edges=(5.0, 2.0))
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for InjectParams
    ...
    """

    classes: tuple[str, ...] = ()
    """Injection classes and probes, by name; all if none is named."""
    per_bin: int = Field(200, ge=1)
    """Injections a class and S/N bin."""
    snr_edges: tuple[float, ...] = (1.0, 2.0, 5.0)
    """Edges of the bins in the host's median S/N of a pixel."""
    max_reuse: int = Field(10, ge=1)
    """A host carries at most this many injections of one class."""
    ordinary_share: float = Field(0.95, gt=0, le=1)
    """Without a truth table: this share of the held-out spectra, the least odd, are hosts."""
    probe_sigmas: tuple[float, ...] = (3.0, 5.0, 6.0)
    """Probes are planted at these significances too, ``per_bin`` each [sigma]."""
    n_twins: int = Field(4000, ge=0)
    """Held-out spectra, at most, that are turned upside down around their reconstruction."""
    batch_size: int = Field(256, ge=1)
    """Injected spectra that go through the pipeline at a time; bounds the memory and changes nothing else."""

    def model_post_init(self, context: object) -> None:
        """Refuse edges that do not ascend."""
        if list(self.snr_edges) != sorted(set(self.snr_edges)):
            raise ValueError(f"snr_edges must ascend; found {self.snr_edges}")


class EfficiencyParams(Params):
    """How efficiency is measured and told."""

    false_positive_rates: tuple[float, ...] = (0.01, 0.001)
    """Shares of ordinary held-out spectra above the cuts."""
    amplitude_bins: int = Field(6, ge=2)
    """Bins in the logarithm of the amplitude."""
    z_edges: tuple[float, ...] = (0.8, 1.5, 2.2, 3.0)
    """Edges of the bins in redshift."""
    min_cell: int = Field(5, ge=1)
    """The selection function says nothing where a cell holds fewer injections."""
    n_ceiling: int = Field(1000, ge=100)
    """Simulated white-noise spectra that tell what an ideal search could reach."""
