"""Settings of the normalization, the merge and the p-values."""

from typing import Literal

from pydantic import Field

from oddqso.params import Params


class NormalizeParams(Params):
    """How a score is made comparable across S/N, redshift and coverage."""

    learn_from: Literal["held_out", "fit"] = "held_out"
    """``held_out``: from CALIBRATION and TEST together, and FIT by itself. ``fit``: from FIT for all, so that no score
    depends on the spectra it is compared with; flat only if the model fits FIT no better than others, as with many."""
    center_rows: int = Field(150, ge=10)
    """Spectra, at least, that set the center and the width of a score at one place in S/N and redshift."""
    shape_rows: int = Field(2000, ge=10)
    """Spectra, at least, that set the shape of its distribution."""
    max_rows: int = Field(50_000, ge=1000)
    """At most this many spectra teach one map; a hash of TARGETID picks them."""
    leave_out: float = Field(0.03, ge=0, le=0.3)
    """Share of the spectra, the oddest by all other detectors together, that a detector's map does not learn from."""
    tail_level: float = Field(0.99, gt=0.5, lt=1)
    """A generalized Pareto tail begins at this quantile."""
    tail_rows: int = Field(50, ge=5)
    """Spectra, at least, beyond the tail's beginning; with few spectra it begins lower, but not below 0.95."""
    coverage_full: float = Field(0.85, ge=0, le=1)
    """Spectra with a smaller share of good pixels, as without an arm, are normalized among themselves."""


class SignificanceParams(Params):
    """How scores become one score, a p-value and a q-value.

    Examples
    --------
    >>> SignificanceParams(alphas=(0.01, 1.5))
    Traceback (most recent call last):
        ...
    pydantic_core._pydantic_core.ValidationError: 1 validation error for SignificanceParams
    ...
    """

    normalize: NormalizeParams = NormalizeParams()
    """How a score is made comparable across S/N, redshift and coverage."""
    merged: tuple[str, ...] = ("CHI2", "NARROW", "BROAD", "JOIN", "LINES", "GMM", "KNN", "REDSHIFT")
    """Detectors that make the merged score; others keep their column and rank only."""
    p_floor: float = Field(1e-12, gt=0, lt=0.1)
    """Tail probabilities are no smaller than this in the merge."""
    p_ceiling: float = Field(0.99, gt=0.5, lt=1)
    """And no larger: a detector that finds nothing may not outvote one that finds something."""
    alphas: tuple[float, ...] = Field((0.01, 0.05, 0.10), min_length=1)
    """False discovery rates at which a list is drawn up."""
    eps: float = Field(0.01, ge=0, lt=1)
    """Where people took odd spectra out of the calibration: at most this share of what is left is odd all the same."""
    gamma_power: float = Field(1.6, gt=1)
    """Deliveries: the t-th one is given a share of the budget that falls as t to minus this power."""
    group_by_strict: bool = True
    """Calibrate spectra of the strict sample and the merely permissive ones apart, like with like."""
    group_snr: tuple[float, ...] = ()
    """Edges in S/N that part the calibration further; none by default."""
    q_within_groups: bool = False
    """Adjust for multiple tests in each group by itself: then the claim holds in each, and needs more calibration."""

    def model_post_init(self, context: object) -> None:
        """Refuse rates that are no rates, and edges that do not ascend."""
        if not all(0 < alpha < 1 for alpha in self.alphas) or list(self.alphas) != sorted(set(self.alphas)):
            raise ValueError(f"alphas must ascend between 0 and 1; found {self.alphas}")
        if list(self.group_snr) != sorted(set(self.group_snr)):
            raise ValueError(f"group_snr must ascend; found {self.group_snr}")
