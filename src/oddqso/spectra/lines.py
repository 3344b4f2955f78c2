"""Emission lines of quasars, and observed-frame bands where the sky or the atmosphere leaves its mark."""

from typing import Final, NamedTuple


class Line(NamedTuple):
    """An emission line: label and laboratory wavelength in vacuum [Angstrom]."""

    name: str
    wave_angstrom: float
    broad: bool


# Vanden Berk et al. 2001, AJ 122, 549, table 2; laboratory wavelengths in vacuum.
LINES: Final = (
    Line("O VI", 1033.82, True),
    Line("Lyα", 1215.67, True),
    Line("N V", 1240.14, True),
    Line("O I", 1305.42, True),
    Line("C II", 1335.30, True),
    Line("Si IV", 1399.41, True),
    Line("N IV]", 1486.50, True),
    Line("C IV", 1549.06, True),
    Line("He II", 1640.42, True),
    Line("O III]", 1663.48, True),
    Line("N III]", 1750.26, True),
    Line("Al III", 1857.40, True),
    Line("C III]", 1908.73, True),
    Line("C II]", 2326.44, True),
    Line("[Ne IV]", 2423.83, False),
    Line("Mg II", 2798.75, True),
    Line("[Ne V]", 3426.85, False),
    Line("[O II]", 3728.48, False),
    Line("[Ne III]", 3869.86, False),
    Line("Hδ", 4102.89, True),
    Line("Hγ", 4341.69, True),
    Line("He II", 4687.02, True),
    Line("Hβ", 4862.68, True),
    Line("[O III]", 4960.30, False),
    Line("[O III]", 5008.24, False),
    Line("He I", 5877.25, True),
    Line("[O I]", 6302.05, False),
    Line("Hα", 6564.61, True),
    Line("[S II]", 6725.48, False),
)
"""Lines worth a label, by wavelength."""

# Morton 2003, ApJS 149, 205; in vacuum.
ABSORPTION_LINES: Final = (
    ("Si II", 1260.42), ("O I", 1302.17), ("C II", 1334.53), ("Si IV", 1393.76), ("Si IV", 1402.77), ("Si II", 1526.71),
    ("C IV", 1548.20), ("C IV", 1550.78), ("Fe II", 1608.45), ("Al II", 1670.79), ("Al III", 1854.72),
    ("Al III", 1862.79), ("Fe II", 2344.21), ("Fe II", 2374.46), ("Fe II", 2382.76), ("Fe II", 2586.65),
    ("Fe II", 2600.17), ("Mg II", 2796.35), ("Mg II", 2803.53), ("Mg I", 2852.96), ("Ca II", 3934.77),
    ("Ca II", 3969.59), ("Na I", 5891.58), ("Na I", 5897.56),
)  # fmt: skip
"""Lines that gas in front absorbs: ion and wavelength [Angstrom]."""

LYMAN_ALPHA_ANGSTROM: Final = 1215.67

SKY_LINES_ANGSTROM: Final = (
    (4043.0, 4051.0), (4353.0, 4365.0), (5457.0, 5467.0), (5571.0, 5590.0), (5883.0, 5903.0), (6295.0, 6317.0),
)  # fmt: skip
"""Strong sky lines, observed frame (masks of the DESI Lyman-alpha group)."""

TELLURIC_ANGSTROM: Final = (
    (6860.0, 6978.0), (7154.0, 7348.0), (7584.0, 7713.0), (8092.0, 8424.0), (8926.0, 9824.0),
)  # fmt: skip
"""Deep telluric bands, observed frame: O2 B, H2O, O2 A, H2O, H2O."""
