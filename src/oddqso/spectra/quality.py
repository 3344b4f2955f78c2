"""Quality bits of a spectrum."""

from enum import IntFlag
from typing import Final


class Quality(IntFlag):
    """What is wrong with a spectrum; 0 is good. Bits are set by the stages and never cleared."""

    NO_DATA = 1 << 0
    """No pixel with ivar > 0."""
    MISSING_B = 1 << 1
    """The B arm has no good pixel."""
    MISSING_R = 1 << 2
    """The R arm has no good pixel."""
    MISSING_Z = 1 << 3
    """The Z arm has no good pixel."""
    FEW_PIXELS = 1 << 4
    """Too few good pixels to be scored."""
    NONFINITE = 1 << 5
    """NaN or infinite flux or ivar was found; those pixels have ivar 0."""
    NEGATIVE_IVAR = 1 << 6
    """Negative ivar was found; those pixels have ivar 0."""
    NO_CONTINUUM = 1 << 7
    """No scale could be measured; not scored."""
    LOW_SIGNAL = 1 << 8
    """The continuum is below its own noise; scored, with the scale set to that noise."""
    BAD_FIBER = 1 << 9
    """COADD_FIBERSTATUS is neither 0 nor one bad amplifier."""
    ZWARN = 1 << 10
    """The redshift fitter warned (ZWARN is not 0)."""
    DUPLICATE_ROW = 1 << 11
    """The TARGETID stands in more than one row of its file; the first row was taken."""
    SEVERAL_COADDS = 1 << 12
    """The target has coadds in several survey/program folders; the primary one was taken."""
    Z_RANGE = 1 << 13
    """The redshift is outside the range of the model; not scored."""
    NO_SPECTRUM = 1 << 14
    """The catalog names a spectrum that its file does not hold; not scored."""
    NO_EBV = 1 << 15
    """Neither catalog nor file knows E(B-V); the spectrum is not dereddened."""


UNSCORABLE: Final = Quality.NO_DATA | Quality.FEW_PIXELS | Quality.NO_CONTINUUM | Quality.Z_RANGE | Quality.NO_SPECTRUM
"""A spectrum with any of these bits stands in the catalog without a score."""


def quality_words(quality: int) -> list[str]:
    """The names of the set bits.

    Examples
    --------
    >>> quality_words(6)
    ['MISSING_B', 'MISSING_R']
    """
    return [str(bit.name) for bit in Quality if quality & bit]
