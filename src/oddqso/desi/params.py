"""Settings of the sample and of the ingest."""

from typing import Self

from pydantic import Field, model_validator

from oddqso.params import Params


class SampleParams(Params):
    """Which objects belong to a run, which of them are strict, and how they are split."""

    zwarn_allowed: tuple[int, ...] = (0, 4)
    """Values of ZWARN in the permissive sample; 4 is a small DELTACHI2, which strange spectra often have."""
    deltachi2_min: float = 25.0
    """The strict sample has DELTACHI2 above this."""
    qso_catalog_z: bool = True
    """Take Z from the quasar catalog where it has the object (its afterburners mend redshifts)."""
    fit_fraction: float = Field(default=0.20, gt=0, lt=1)
    """Share of the targets that models and scores are fit on; raise it for samples of a few thousand."""
    calibration_fraction: float = Field(default=0.25, gt=0, lt=1)
    """Share of the targets that make p-values; the rest is tested."""
    salt: str = "oddqso"
    """Goes into the hash that splits targets; never change it after looking at the results."""

    @model_validator(mode="after")
    def _something_is_tested(self) -> Self:
        if self.fit_fraction + self.calibration_fraction >= 1:
            raise ValueError("fit_fraction and calibration_fraction leave nothing to test: their sum must be below 1")
        return self


class IngestParams(Params):
    """How spectra are read from coadd files."""

    min_good_ivar: float = Field(default=0.0, ge=0)
    """A pixel is good if its ivar is above this [1e34 s2 cm4 Angstrom2 / erg2]."""
