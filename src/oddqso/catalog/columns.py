"""The catalog's columns, declared once: release files, reference page and tests are made from this list."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

DType = Literal["bool", "int32", "int64", "float32", "float64", "str"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the catalog.

    Parameters
    ----------
    name : str
        As it stands in the files.
    dtype : DType
        One of bool, int32, int64, float32, float64, str.
    unit : str
        As VOUnits and FITS both write it; empty for a pure number.
    ucd : str
        Unified Content Descriptor of the IVOA (UCD1+).
    description : str
        One sentence.
    stage : str
        The stage of a run that makes it.
    nullable : bool
        Whether an integer may be unknown. Floats and strings always may.
    """

    name: str
    dtype: DType
    unit: str
    ucd: str
    description: str
    stage: str
    nullable: bool = False


DETECTORS: Final = {
    "CHI2": "the mean squared whitened residual over good pixels",
    "NARROW": "the strongest matched filter a few pixels wide",
    "BROAD": "the strongest matched filter tens to hundreds of pixels wide",
    "JOIN": "the step where two arms of the spectrograph meet",
    "LINES": "the strengths of the emission lines: all too weak, or one too strong",
    "REDSHIFT": "the improvement of the fit at the best other redshift",
    "GMM": "the latent density under a Gaussian mixture",
    "KNN": "the mean distance to the nearest FIT spectra in latent space",
    "FOREST": "the Isolation Forest on active latents",
    "KL": "the divergence of the latent posterior from the prior",
    "ELBO": "the evidence lower bound per pixel, with its sign turned",
}
"""The detectors of oddqso and what each of them measures."""

_FLUX_UNIT: Final = "1e-17erg.s**-1.cm**-2.Angstrom**-1"

_HEAD: Final = (
    Column("TARGETID", "int64", "", "meta.id;meta.main", "DESI target identifier", "sample"),
    Column("DESINAME", "str", "", "meta.id", "DESI name, position truncated to four decimals", "release"),
    Column("SURVEY", "str", "", "meta.dataset", "DESI survey: main, sv1, sv2, sv3, special", "sample"),
    Column("PROGRAM", "str", "", "meta.dataset", "DESI program: dark, bright, backup, other", "sample"),
    Column("HEALPIX", "int32", "", "pos.healpix", "HEALPix pixel of the coadd file (nside 64, nested)", "sample"),
    Column("RA", "float64", "deg", "pos.eq.ra;meta.main", "Right ascension (ICRS)", "sample"),
    Column("DEC", "float64", "deg", "pos.eq.dec;meta.main", "Declination (ICRS)", "sample"),
    Column("Z", "float64", "", "src.redshift", "Redshift at which the spectrum was judged", "sample"),
    Column("ZERR", "float64", "", "stat.error;src.redshift", "Error of the redshift", "sample"),
    Column("ZWARN", "int64", "", "meta.code.qual;src.redshift", "Warning bits of the redshift; 0 is good", "sample"),
    Column("SPECTYPE", "str", "", "src.class", "Class of the best redshift template", "sample"),
    Column("SUBTYPE", "str", "", "src.class", "Subclass of the best redshift template", "sample"),
    Column("DELTACHI2", "float64", "", "stat.fit.chi2", "Chi-square lead of the best redshift over the next", "sample"),
    Column("COADD_FIBERSTATUS", "int32", "", "meta.code.qual;instr", "Fiber status bits of the coadd", "sample"),
    Column("EBV", "float32", "mag", "phot.color.excess", "Galactic reddening E(B-V) of SFD98", "ingest"),
    Column("NUM_EXP", "int32", "", "meta.number;obs.exposure", "Exposures in the coadd", "sample", nullable=True),
    Column("SNR", "float32", "", "stat.snr", "Median signal-to-noise ratio of a native 0.8 Angstrom pixel", "prepare"),
    Column("COVERAGE", "float32", "", "stat.filling", "Share of good pixels of the native grid", "prepare"),
    Column("SCALE", "float32", _FLUX_UNIT, "phot.flux.density", "What the dereddened flux was divided by", "prepare"),
    Column("STRICT", "bool", "", "meta.code", "In the strict sample, which teaches model and detectors", "prepare"),
    Column("SPLIT", "str", "", "meta.code.class", "FIT makes models, CALIBRATION p-values, TEST is judged", "sample"),
    Column("QUALITY", "int32", "", "meta.code.qual", "Quality bits of the spectrum; 0 is good", "prepare"),
    Column(
        "SCORE", "float32", "", "stat.fit.goodness",
        "Merged anomaly score: -log10 of the merged tail probabilities given S/N, z and coverage; higher is odder",
        "significance",
    ),
    Column("RANK", "int32", "", "stat.rank", "Rank by SCORE; 1 is the oddest", "significance", nullable=True),
    Column(
        "P_VALUE", "float64", "", "stat.probability",
        "Conformal p-value against CALIBRATION; only for TEST", "significance",
    ),
    Column(
        "Q_VALUE", "float64", "", "stat.probability",
        "Benjamini-Hochberg adjusted p-value; only for TEST", "significance",
    ),
    Column(
        "GROUP", "str", "", "meta.code.class",
        "Strict or permissive (and S/N, where set): calibrated within it; only for TEST", "significance",
    ),
    Column(
        "TIER", "str", "", "meta.code.class",
        "The strictest certified list it is on: gold 1 %, silver 5 %, bronze 10 % false discoveries", "significance",
    ),
    Column(
        "FDP_95", "float64", "", "stat.probability",
        "95 % upper limit of the false share of the list named by TIER", "significance",
    ),
    Column(
        "FOUND_BY", "str", "", "meta.code.class",
        "Detectors whose TAIL_ reaches release.found_tail, with commas; null if none", "release",
    ),
)  # fmt: skip


def detector_columns(name: str) -> tuple[Column, ...]:
    """The three columns of a detector, one of `DETECTORS` or another's.

    Examples
    --------
    >>> [column.name for column in detector_columns("CHI2")]
    ['SCORE_CHI2', 'RANK_CHI2', 'TAIL_CHI2']
    """
    what = DETECTORS.get(name, f"the detector {name}")
    return (
        Column(f"SCORE_{name}", "float32", "", "stat.fit.goodness", f"Raw score of {what}; higher is odder", "score"),
        Column(f"RANK_{name}", "int32", "", "stat.rank", f"Rank by TAIL_{name}; 1 is the oddest", "significance", True),
        Column(
            f"TAIL_{name}", "float32", "", "stat.probability",
            f"-log10 of the tail probability of SCORE_{name} given S/N, z and coverage", "significance",
        ),
    )  # fmt: skip


def _peak_columns(name: str) -> tuple[Column, ...]:
    what = f"the strongest {name.lower()} matched filter"
    return (
        Column(f"PEAK_{name}_WAVE", "float32", "Angstrom", "em.wl", f"Observed wavelength of {what}", "score"),
        Column(
            f"PEAK_{name}_SCALE", "int32", "pixel", "spect.line.width",
            f"Gaussian sigma of {what}, in native pixels of 0.8 Angstrom", "score", True,
        ),
        Column(
            f"PEAK_{name}_SIGN", "int32", "", "meta.code",
            f"Sign of {what}: 1 more light than the model, -1 less", "score", True,
        ),
        Column(
            f"PEAK_{name}_SIGMA", "float32", "", "stat.snr",
            f"Significance of {what} if the model's error were independent from pixel to pixel", "score",
        ),
        Column(
            f"PEAK_{name}_DEPTH", "float32", "", "phot.flux.density;arith.ratio",
            f"Height of the Gaussian that fits {what} best, as a share of the model", "score",
        ),
    )  # fmt: skip


_PEAKS: Final = (
    *_peak_columns("NARROW"),
    *_peak_columns("BROAD"),
    Column(
        "JOIN_STEP", "float32", "", "phot.flux.density;arith.ratio",
        "Flux on the red side minus flux on the blue side of an arm join, each as a share of the model", "score",
    ),
    Column(
        "JOIN_WAVE", "float32", "Angstrom", "em.wl", "Observed wavelength of the join with the larger step", "score"
    ),
    Column("REDSHIFT_BEST_Z", "float32", "", "src.redshift", "Redshift other than Z that fits best", "score"),
    Column(
        "REDSHIFT_DELTA_CHI2", "float32", "", "stat.fit.chi2",
        "How much better REDSHIFT_BEST_Z fits than Z, as a difference in chi-square", "score",
    ),
)  # fmt: skip


def catalog_columns(detectors: Iterable[str] = DETECTORS) -> tuple[Column, ...]:
    """The columns of a catalog with these detectors, in order.

    Examples
    --------
    >>> [column.name for column in catalog_columns(["MINE"]) if column.name.endswith("_MINE")]
    ['SCORE_MINE', 'RANK_MINE', 'TAIL_MINE']
    """
    return _HEAD + tuple(column for name in detectors for column in detector_columns(name)) + _PEAKS


COLUMNS: Final = catalog_columns()
"""The columns of a catalog made with the detectors of oddqso, in order."""


def columns_page() -> str:
    """The reference page of the columns, in Markdown.

    Examples
    --------
    >>> columns_page().splitlines()[0]
    '# Columns of the catalog'
    """
    lines = [
        "# Columns of the catalog",
        "",
        "`release/catalog.parquet`, `catalog.fits` and `catalog.vot` hold the same rows and columns, sorted by `RANK`,",
        "unscored spectra last. What is unknown is null in Parquet and VOTable; in FITS it is NaN for a float, the",
        "value of `TNULLn` for an integer and an empty string for text. `TARGETID` is above 2**53: never read it as",
        "a float. A detector added by a plug-in brings three columns of its own, `SCORE_`, `RANK_` and `TAIL_`.",
        "",
        "| column | type | unit | UCD | meaning | made by |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.ucd} | {c.description} | {c.stage} |" for c in COLUMNS]
    return "\n".join(lines) + "\n"
