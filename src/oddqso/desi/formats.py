"""Column lists of the DESI tables, exactly as in the files of DR1, and the record dtypes they make.

The lists follow the DESI data model (desidatamodel.readthedocs.io); a format is that of FITS: K int64, J int32,
I int16, B uint8, D float64, E float32, L logical, nA text.
"""

import re
from typing import Final

import numpy as np

PHOTOMETRY: Final = (
    "EBV E|FLUX_G E|FLUX_R E|FLUX_Z E|FLUX_W1 E|FLUX_W2 E|FLUX_IVAR_G E|FLUX_IVAR_R E|FLUX_IVAR_Z E|"
    "FLUX_IVAR_W1 E|FLUX_IVAR_W2 E|FIBERFLUX_G E|FIBERFLUX_R E|FIBERFLUX_Z E|FIBERTOTFLUX_G E|"
    "FIBERTOTFLUX_R E|FIBERTOTFLUX_Z E|MASKBITS I|SERSIC E|SHAPE_R E|SHAPE_E1 E|SHAPE_E2 E|REF_ID K|"
    "REF_CAT 2A|GAIA_PHOT_G_MEAN_MAG E|GAIA_PHOT_BP_MEAN_MAG E|GAIA_PHOT_RP_MEAN_MAG E|PARALLAX E|"
    "PHOTSYS 1A|PRIORITY_INIT K|NUMOBS_INIT K"
)
TARGET_BITS: Final = "DESI_TARGET K|BGS_TARGET K|MWS_TARGET K|SCND_TARGET K"
BRICK: Final = "RELEASE I|BRICKNAME 8A|BRICKID J|BRICK_OBJID J|MORPHTYPE 4A"
FIBER_SUMMARY: Final = (
    "COADD_NUMEXP I|COADD_EXPTIME E|COADD_NUMNIGHT I|COADD_NUMTILE I|MEAN_DELTA_X E|RMS_DELTA_X E|"
    "MEAN_DELTA_Y E|RMS_DELTA_Y E|MEAN_FIBER_RA D|STD_FIBER_RA E|MEAN_FIBER_DEC D|STD_FIBER_DEC E|"
    "MEAN_PSF_TO_FIBER_SPECFLUX E"
)

COADD_FIBERMAP: Final = (
    "TARGETID K|COADD_FIBERSTATUS J|TARGET_RA D|TARGET_DEC D|PMRA E|PMDEC E|REF_EPOCH E|FA_TARGET K|FA_TYPE B|"
    f"OBJTYPE 3A|SUBPRIORITY D|OBSCONDITIONS J|{BRICK}|{PHOTOMETRY}|{TARGET_BITS}|PLATE_RA D|PLATE_DEC D|"
    f"{FIBER_SUMMARY}"
)
"""HDU FIBERMAP of a coadd: one row a target, 67 columns, 317 bytes."""

EXP_FIBERMAP: Final = (
    "TARGETID K|PRIORITY J|SUBPRIORITY D|NIGHT J|EXPID J|MJD D|TILEID J|EXPTIME D|PETAL_LOC I|"
    "DEVICE_LOC J|LOCATION K|FIBER J|FIBERSTATUS J|FIBERASSIGN_X E|FIBERASSIGN_Y E|LAMBDA_REF E|"
    "PLATE_RA D|PLATE_DEC D|NUM_ITER K|FIBER_X D|FIBER_Y D|DELTA_X D|DELTA_Y D|FIBER_RA D|FIBER_DEC D|"
    "PSF_TO_FIBER_SPECFLUX D"
)
"""HDU EXP_FIBERMAP of a coadd: one row a target and exposure, 26 columns, 162 bytes."""

_TSNR_ORDER: Final = ("GPBDARK", "ELG", "GPBBRIGHT", "LYA", "BGS", "GPBBACKUP", "QSO", "LRG")
TSNR2: Final = "|".join(
    [f"TSNR2_{kind}_{arm} E" for arm in "BRZ" for kind in _TSNR_ORDER] + [f"TSNR2_{kind} E" for kind in _TSNR_ORDER]
)
COADD_SCORES: Final = "|".join(
    [
        "TARGETID K",
        *(f"{q}_{arm} E" for arm in "BRZ" for q in ("INTEG_COADD_FLUX", "MEDIAN_COADD_FLUX", "MEDIAN_COADD_SNR")),
        TSNR2,
    ]
)
"""HDU SCORES of a coadd: 42 columns, 172 bytes."""

SPECTRA_FIBERMAP: Final = (
    "TARGETID K|PETAL_LOC I|DEVICE_LOC J|LOCATION K|FIBER J|FIBERSTATUS J|TARGET_RA D|TARGET_DEC D|"
    "PMRA E|PMDEC E|REF_EPOCH E|LAMBDA_REF E|FA_TARGET K|FA_TYPE B|OBJTYPE 3A|FIBERASSIGN_X E|FIBERASSIGN_Y E|"
    f"PRIORITY J|SUBPRIORITY D|OBSCONDITIONS J|{BRICK}|{PHOTOMETRY}|{TARGET_BITS}|PLATE_RA D|PLATE_DEC D|"
    "NUM_ITER K|FIBER_X D|FIBER_Y D|DELTA_X D|DELTA_Y D|FIBER_RA D|FIBER_DEC D|PSF_TO_FIBER_SPECFLUX D|"
    "EXPTIME D|NIGHT J|EXPID J|MJD D|TILEID J"
)
"""HDU FIBERMAP of a spectra file: one row a target and exposure, 75 columns."""

SPECTRA_SCORES: Final = "|".join(
    [
        "TARGETID K",
        *(
            f"{name} D"
            for arm in "BRZ"
            for name in (
                *(
                    f"{how}_{step}_{unit}_{arm}"
                    for step in ("RAW", "FFLAT", "SKYSUB", "CALIB")
                    for how, unit in (("SUM", "COUNT"), ("MEDIAN", "COUNT"), ("MEDIAN", "SNR"))
                ),
                *(f"TSNR2_{kind}_{arm}" for kind in _TSNR_ORDER),
            )
        ),
    ]
)
"""HDU SCORES of a spectra file: 61 columns."""

REDSHIFTS: Final = (
    "TARGETID K|Z D|ZERR D|ZWARN K|CHI2 D|COEFF 10D|NPIXELS K|SPECTYPE 6A|SUBTYPE 20A|NCOEFF K|DELTACHI2 D"
)
"""HDU REDSHIFTS of a redrock file: 170 bytes a row."""

_OTHER_SURVEYS: Final = "|".join(f"SV{k}_{kind}_TARGET K" for k in (1, 2, 3) for kind in ("DESI", "BGS", "MWS", "SCND"))
ZCATALOG: Final = (
    "TARGETID K|SURVEY 7A|PROGRAM 6A|HEALPIX J|SPGRPVAL J|Z D|ZERR D|ZWARN K|CHI2 D|COEFF 10D|NPIXELS K|SPECTYPE 6A|"
    "SUBTYPE 20A|NCOEFF K|DELTACHI2 D|COADD_FIBERSTATUS J|TARGET_RA D|TARGET_DEC D|PMRA E|PMDEC E|REF_EPOCH E|"
    f"FA_TARGET K|FA_TYPE B|OBJTYPE 3A|SUBPRIORITY D|OBSCONDITIONS J|{BRICK}|{PHOTOMETRY}|CMX_TARGET K|{TARGET_BITS}|"
    f"{_OTHER_SURVEYS}|PLATE_RA D|PLATE_DEC D|COADD_NUMEXP I|COADD_EXPTIME E|COADD_NUMNIGHT I|COADD_NUMTILE I|"
    "MEAN_DELTA_X E|RMS_DELTA_X E|MEAN_DELTA_Y E|RMS_DELTA_Y E|MEAN_PSF_TO_FIBER_SPECFLUX E|MEAN_FIBER_RA D|"
    "STD_FIBER_RA E|MEAN_FIBER_DEC D|STD_FIBER_DEC E|MIN_MJD D|MAX_MJD D|MEAN_MJD D|"
    f"{TSNR2}|MAIN_NSPEC I|MAIN_PRIMARY L|SV_NSPEC I|SV_PRIMARY L|ZCAT_NSPEC I|ZCAT_PRIMARY L|DESINAME 22A"
)
"""HDU ZCATALOG of zall-pix: 136 columns."""

_NUMPY: Final = {"K": ">i8", "J": ">i4", "I": ">i2", "B": "u1", "D": ">f8", "E": ">f4", "L": "S1"}


def columns_of(spec: str) -> list[tuple[str, int, str]]:
    """Name, repeat and letter of each column of a list such as ``"TARGETID K|OBJTYPE 3A"``.

    Examples
    --------
    >>> columns_of("TARGETID K|OBJTYPE 3A")
    [('TARGETID', 1, 'K'), ('OBJTYPE', 3, 'A')]
    """
    columns = []
    for column in spec.split("|"):
        name, form = column.split()
        match = re.fullmatch(r"(\d*)([KJIBDELA])", form)
        if match is None:
            raise ValueError(f"column {name} has the format {form!r}, which is none of FITS")
        columns.append((name, int(match[1] or 1), match[2]))
    return columns


def record_dtype(spec: str) -> np.dtype[np.void]:
    """The big-endian record dtype of a column list; a logical is the text ``T`` or ``F``.

    Examples
    --------
    >>> [record_dtype(spec).itemsize for spec in (COADD_FIBERMAP, EXP_FIBERMAP, COADD_SCORES, REDSHIFTS)]
    [317, 162, 172, 170]
    >>> [len(record_dtype(spec)) for spec in (SPECTRA_FIBERMAP, SPECTRA_SCORES, ZCATALOG)]
    [75, 61, 136]
    """
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    for name, repeat, letter in columns_of(spec):
        if letter == "A":
            fields.append((name, f"S{repeat}"))
        elif repeat > 1:
            fields.append((name, _NUMPY[letter], (repeat,)))
        else:
            fields.append((name, _NUMPY[letter]))
    return np.dtype(fields)


UNITS: Final = {
    "TARGET_RA": "deg", "TARGET_DEC": "deg", "PLATE_RA": "deg", "PLATE_DEC": "deg", "FIBER_RA": "deg",
    "FIBER_DEC": "deg", "MEAN_FIBER_RA": "deg", "MEAN_FIBER_DEC": "deg", "STD_FIBER_RA": "arcsec",
    "STD_FIBER_DEC": "arcsec", "PMRA": "mas yr^-1", "PMDEC": "mas yr^-1", "EBV": "mag", "PARALLAX": "mas",
    "SHAPE_R": "arcsec", "EXPTIME": "s", "COADD_EXPTIME": "s", "MJD": "d", "LAMBDA_REF": "Angstrom",
    **{f"{kind}_{band}": "nanomaggy" for kind in ("FLUX", "FIBERFLUX", "FIBERTOTFLUX") for band in "GRZ"},
    **{f"FLUX_IVAR_{band}": "nanomaggy^-2" for band in ("G", "R", "Z", "W1", "W2")},
    "FLUX_W1": "nanomaggy", "FLUX_W2": "nanomaggy",
    **{f"{kind}_{axis}": "mm" for kind in ("DELTA", "FIBER", "MEAN_DELTA", "RMS_DELTA") for axis in "XY"},
}  # fmt: skip
"""Units of the columns that have one."""
