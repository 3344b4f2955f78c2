"""A simulated survey: its settings, its plan, and how it is written as a tree of DESI files.

Planning is cheap and makes no spectra; each `PixelPlan` is then written on its own, in any order, by any worker::

    plans = plan_survey(params)
    for plan in plans:
        write_pixel(plan, out, params)
    write_catalogs(out, params, plans)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from oddqso.params import Params
from oddqso.simulation.settings import NoiseParams, PhysicsParams

SPECPROD: Final = "mock"
NSIDE: Final = 64
KINDS: Final = ("quasar", "galaxy", "star", "sky", "stuck")


class SurveyParams(Params):
    """A simulated survey."""

    n_target: int = Field(2000, ge=20)
    """How many coadds, all kinds of target together."""
    seed: int = Field(1, ge=0)
    """Same seed, same bytes."""
    targets_per_pixel: int = Field(150, ge=10)
    """Targets of one healpix pixel; about 1300 in DESI."""
    quasar_fraction: float = Field(0.72, ge=0, le=1)
    """Share of quasars among the targets."""
    galaxy_fraction: float = Field(0.16, ge=0, le=1)
    """Share of galaxies."""
    star_fraction: float = Field(0.06, ge=0, le=1)
    """Share of stars."""
    sky_fraction: float = Field(0.045, ge=0, le=1)
    """Share of sky fibers; what is left over are stuck positioners."""
    anomaly_fraction: float = Field(0.05, ge=0, le=1)
    """Share of the quasars with a planted anomaly, each class as often as any other."""
    wrong_redshift_fraction: float = Field(0.005, ge=0, le=1)
    """Share of the other quasars that are filed under a wrong redshift."""
    spectra_fraction: float = Field(0.03, ge=0, le=1)
    """Share of the targets that stand in a spectra file too, exposure by exposure."""
    resolution: bool = True
    """Write the X_RESOLUTION HDUs: 350 kB a target."""
    physics: PhysicsParams = PhysicsParams()
    """What the quasars are like."""
    noise: NoiseParams = NoiseParams()
    """What the instrument does."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        total = self.quasar_fraction + self.galaxy_fraction + self.star_fraction + self.sky_fraction
        if total > 1 + 1e-9:
            raise ValueError(f"the shares of quasars, galaxies, stars and sky add up to {total:g}; make it 1 or less")
        return self


@dataclass(frozen=True, slots=True)
class PixelPlan:
    """What one healpix folder will hold.

    Parameters
    ----------
    survey, program : str
    healpix : int
        Pixel of nside 64, nested.
    first : int
        Number of its first target in the survey.
    n_target : int
        How many targets it has.
    shared : tuple of int
        Numbers of targets of another plan, observed here too; they come first.
    empty_arm : bool
        Its first quasar has an arm without data, its second no data at all.
    spectra : bool
        It has a spectra file even if chance does not ask for one.
    """

    survey: str
    program: str
    healpix: int
    first: int
    n_target: int
    shared: tuple[int, ...] = ()
    empty_arm: bool = False
    spectra: bool = False

    @property
    def name(self) -> str:
        """Survey, program and pixel in one word."""
        return f"{self.survey}-{self.program}-{self.healpix}"

    @property
    def folder(self) -> Path:
        """The folder, seen from the tree's root."""
        group = str(self.healpix // 100)
        return Path("spectro/redux", SPECPROD, "healpix", self.survey, self.program, group, str(self.healpix))

    @property
    def indices(self) -> NDArray[np.int64]:
        """The numbers of its targets in the survey, (n_target,)."""
        own = np.arange(self.first, self.first + self.n_target - len(self.shared), dtype=np.int64)
        return np.concatenate([np.array(self.shared, dtype=np.int64), own])


@dataclass(frozen=True, slots=True)
class PixelRecord:
    """What was written for one plan.

    Parameters
    ----------
    name : str
        `PixelPlan.name`.
    coadd : str
        Path of the coadd from the tree's root.
    n_target, n_quasar, n_anomaly : int
        Counts.
    """

    name: str
    coadd: str
    n_target: int
    n_quasar: int
    n_anomaly: int


def _pixels(n_pixel: int, rng: np.random.Generator) -> list[int]:
    """Pixels of the DESI footprint, in blocks of neighbors, as files of one shard lie together."""
    block = 4 if n_pixel <= 64 else 16
    starts = rng.permutation(49_152 // block) * block
    # rows of declination by base pixel: 0-3 north, 4-7 equator, 8-11 south; DESI sees hardly any of the south
    north = starts[starts < 8 * 4096]
    chosen = np.concatenate([north, starts[starts >= 8 * 4096]])[: -(-n_pixel // block)]
    return [int(start + k) for start in chosen for k in range(block)][:n_pixel]


def plan_survey(params: SurveyParams) -> list[PixelPlan]:
    """Which pixel holds which targets.

    The first pixel is observed in main/bright too, and a fifth of its targets there are those of main/dark.

    Examples
    --------
    >>> plans = plan_survey(SurveyParams(n_target=600))
    >>> [plan.program for plan in plans], sum(plan.n_target for plan in plans)
    (['dark', 'dark', 'dark', 'dark', 'bright'], 600)
    """
    rng = np.random.default_rng([params.seed, 7])
    n_bright = max(10, min(params.targets_per_pixel // 3, params.n_target // 8))
    n_dark = params.n_target - n_bright
    n_pixel = max(1, round(n_dark / params.targets_per_pixel))
    if params.n_target <= 200:
        n_pixel = 2
    sizes = np.diff(np.linspace(0, n_dark, n_pixel + 1).astype(int))
    firsts = np.concatenate([[0], np.cumsum(sizes)])
    pixels = _pixels(n_pixel, rng)
    plans = [
        PixelPlan("main", "dark", pixel, int(first), int(size), empty_arm=k == 0, spectra=k == 0)
        for k, (pixel, first, size) in enumerate(zip(pixels, firsts[:-1], sizes, strict=True))
    ]
    shared = tuple(range(2, 2 + max(2, n_bright // 5)))  # not those with an arm missing
    return [*plans, PixelPlan("main", "bright", pixels[0], int(firsts[-1]), n_bright, shared)]


def write_pixel(plan: PixelPlan, out: Path, params: SurveyParams) -> PixelRecord:
    """Write the coadd, redrock and, if called for, spectra file of one plan under ``out``.

    Rows for the catalogs go to ``out/.parts``; `write_catalogs` gathers them.

    Raises
    ------
    StoreError
        If the disk is full or cannot be written.
    """
    from oddqso.desi import mock  # numba and the physics: not at the start of a command line

    return mock.write_pixel(plan, out, params)


def write_catalogs(out: Path, params: SurveyParams, plans: list[PixelPlan]) -> None:
    """Write the redshift catalog and the truth table of a survey whose pixels are all written.

    Raises
    ------
    DataError
        If the rows of a pixel are missing.
    StoreError
        If the disk is full or cannot be written.
    """
    from oddqso.desi import mock

    mock.write_catalogs(out, params, plans)
