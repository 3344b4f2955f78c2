"""All that the gate asks of a run: our method and the naive ones, through the same replicates."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oddqso.errors import DataError
from oddqso.significance.assess import assess
from oddqso.significance.groups import calibration_groups
from oddqso.significance.params import SignificanceParams
from oddqso.validation.gate import FPR_LIMIT, OVERALL, Rate, judge, within_groups
from oddqso.validation.gate_params import GateParams
from oddqso.validation.naive import NAIVE
from oddqso.validation.pool import COMPOSITIONS, NULL, Composition, Method, Pool, draw, draws
from oddqso.validation.vetted import Vetters, vetted

OURS: Final = "ours"
RICH: Final = Composition("20 % odd, 70 % in CALIBRATION", 0.2, calibration_share=0.7)
"""Many odd ones and much calibration make short lists possible: there is something to judge at the lowest rate."""
ANEW: Final = Composition("normalized anew")
GROUPS: Final = Composition("in each S/N group")


_ALL: Final = (*COMPOSITIONS, RICH, NULL, GROUPS, ANEW)
N_STEPS: Final = len(_ALL) + len(NAIVE) * (len(_ALL) - 1)
"""How often `trial` tells that it goes on."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """A run's spectra as `assess` reads them, and what they are in truth.

    Parameters
    ----------
    table : pa.Table
        TARGETID, Z, SNR, COVERAGE, STRICT, SPLIT, QUALITY and SCORE_<NAME>, FIT spectra included.
    score : (n_spec,) float64
        The run's final score; NaN where there is none.
    odd : (n_spec,) bool
        The truth.
    told : (n_spec,) bool
        Where the truth is told.
    """

    table: pa.Table
    score: NDArray[np.float64]
    odd: NDArray[np.bool_]
    told: NDArray[np.bool_]

    @property
    def split(self) -> NDArray[Any]:
        """FIT, CALIBRATION or TEST, (n_spec,)."""
        return np.asarray(self.table["SPLIT"].to_pylist(), dtype="U11")

    def rows(self) -> NDArray[np.intp]:
        """Those that can be in a pool."""
        return np.flatnonzero((self.split != "FIT") & np.isfinite(self.score) & self.told)

    def pool(self, params: SignificanceParams) -> Pool:
        """The held-out spectra, in the groups of these settings."""
        rows = self.rows()
        if not len(rows):
            raise DataError("no held-out spectrum has both a score and a truth; is the run complete, and simulated?")
        strict, snr = (self.table[name].to_numpy(zero_copy_only=False) for name in ("STRICT", "SNR"))
        group = calibration_groups(strict, snr, params)
        return Pool(self.table["TARGETID"].to_numpy(), self.score, group, self.odd)[rows]

    @property
    def calibration_share(self) -> float:
        """CALIBRATION's part of CALIBRATION and TEST together."""
        split = self.split[self.rows()]
        return float((split == "CALIBRATION").mean())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one method.

    Parameters
    ----------
    method : str
        Its name.
    rates : tuple of Rate
        One for each composition, group and rate.
    """

    method: str
    rates: tuple[Rate, ...]

    @property
    def holds(self) -> bool:
        """Whether every promise was kept, and few enough ordinary spectra were called."""
        return all(rate.holds for rate in self.rates) and self.fpr_upper <= FPR_LIMIT

    @property
    def fpr_upper(self) -> float:
        """The upper limit of the share of ordinary spectra that are called, the highest of all.

        A survey full of odd spectra has long lists, and a share of these may be false: there it is not asked for.
        """
        asked = [r for r in self.rates if r.group == OVERALL and r.composition != RICH.name and r.n_ordinary >= 299]
        return max((rate.fpr_upper for rate in asked), default=0.0)

    @property
    def finds(self) -> bool:
        """Whether it ever claims anything that is odd: silence keeps every promise."""
        return any(rate.power > 0 for rate in self.rates)

    @property
    def passes(self) -> bool:
        """Whether it keeps its promises, and says something."""
        return self.holds and self.finds

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "method": self.method, "holds": self.holds, "finds": self.finds, "passes": self.passes,
            "fpr_upper": self.fpr_upper,
            "rates": [rate.as_dict() for rate in self.rates],
        }  # fmt: skip

    def rate(self, composition: str, alpha: float, group: str = OVERALL) -> Rate:
        """One of the rates."""
        return next(r for r in self.rates if (r.composition, r.alpha, r.group) == (composition, alpha, group))


def trial(
    held_out: HeldOut,
    significance: SignificanceParams,
    params: GateParams,
    *,
    naive: Mapping[str, Method] = NAIVE,
    follow: Callable[[str], None] | None = None,
) -> list[Verdict]:
    """Send our method and naive ones through the gate.

    Parameters
    ----------
    held_out : HeldOut
        Of a simulated run.
    significance : SignificanceParams
        The run's own; its rates are judged.
    params : GateParams
        How often, and how good the vetters are.
    naive : mapping of str to Method
        What is sent beside ours.
    follow : callable, optional
        Is told the name of each method and composition before its turn.

    Returns
    -------
    list of Verdict
        Ours first.
    """
    vetters = Vetters(params.miss, params.false_alarm)
    grouped = significance.model_copy(update={"group_snr": params.group_snr, "q_within_groups": True})
    pool, parted, share = held_out.pool(significance), held_out.pool(grouped), held_out.calibration_share
    whole: dict[str, Method] = {OURS: vetted(significance, vetters), **naive}
    apart: dict[str, Method] = {OURS: vetted(grouped, vetters)} | {n: within_groups(m) for n, m in naive.items()}
    verdicts = []
    for k, (name, method) in enumerate(whole.items()):
        rates: list[Rate] = []
        for j, made_of in enumerate(_ALL):
            if made_of is ANEW and name != OURS:
                continue  # naive methods do not learn it either
            if follow:
                follow(f"{name}: {made_of.name}")
            splits, chance = (np.random.default_rng([params.seed, j, n]) for n in (0, k + 1))
            if made_of is GROUPS:
                replicates = draws(parted, made_of, share, params.replicates, splits)
            elif made_of is ANEW:
                replicates = _anew(held_out, pool, made_of, share, significance, params.anew, splits)
            else:
                replicates = draws(pool, made_of, share, params.replicates, splits)
            chosen = apart[name] if made_of is GROUPS else method
            rates += judge(chosen, replicates, significance.alphas, made_of.name, chance, by_group=made_of is GROUPS)
        verdicts.append(Verdict(name, tuple(rates)))
    return verdicts


def _anew(
    held_out: HeldOut,
    pool: Pool,
    made_of: Composition,
    share: float,
    params: SignificanceParams,
    n_replicates: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Pool, Pool]]:
    """CALIBRATION and TEST of each replicate, with scores normalized from what is in the replicate, or from FIT."""
    rows = held_out.rows()
    fit = np.flatnonzero((held_out.split == "FIT") & (params.normalize.learn_from == "fit"))
    for _ in range(n_replicates):
        calibration, test = draw(pool, made_of, share, rng)
        chosen = np.concatenate([fit, rows[calibration], rows[test]])
        names = np.repeat(["FIT", "CALIBRATION", "TEST"], [len(fit), len(calibration), len(test)])
        table = held_out.table.take(chosen)
        table = table.set_column(table.column_names.index("SPLIT"), "SPLIT", pa.array(names, pa.string()))
        score = assess(table, params).table["SCORE"].to_numpy(zero_copy_only=False).astype(np.float64)
        first, second = len(fit), len(fit) + len(calibration)
        yield (
            replace(pool[calibration], score=score[first:second]),
            replace(pool[test], score=score[second:]),
        )
