import numpy as np
import pyarrow as pa
import pytest

from oddqso.catalog.columns import DETECTORS

FIRST = 39_627_568_982_000_001  # above 2**53


def make_tables(n_spec: int, seed: int = 0) -> dict[str, pa.Table]:
    """What the stages would hand over for ``n_spec`` objects; every seventh is not scored, every third is TEST."""
    rng = np.random.default_rng(seed)
    target_id = FIRST + np.arange(n_spec)
    scored, split = np.arange(n_spec) % 7 != 6, np.array(["FIT", "CALIBRATION", "TEST"])[np.arange(n_spec) % 3]
    rank = np.full(n_spec, 0, np.int32)
    rank[scored] = 1 + rng.permutation(scored.sum())
    test = scored & (split == "TEST")

    def masked(values, keep=scored, dtype=None):
        return pa.array(np.asarray(values, dtype), mask=~keep)

    sample = pa.table({
        "TARGETID": target_id, "SURVEY": ["main"] * n_spec, "PROGRAM": ["dark"] * n_spec,
        "HEALPIX": np.arange(n_spec, dtype=np.int32), "FILE": ["x.fits"] * n_spec,
        "RA": rng.uniform(0, 360, n_spec), "DEC": rng.uniform(-20, 80, n_spec),
        "Z": rng.uniform(0.5, 3, n_spec), "ZERR": rng.uniform(0, 1e-3, n_spec), "ZWARN": np.full(n_spec, 4),
        "SPECTYPE": ["QSO   "] * n_spec, "SUBTYPE": [""] * n_spec, "DELTACHI2": rng.uniform(10, 100, n_spec),
        "COADD_FIBERSTATUS": np.zeros(n_spec, np.int32), "EBV": np.full(n_spec, np.nan, np.float32),
        "NUM_EXP": np.ones(n_spec, np.int32), "STRICT": np.arange(n_spec) % 2 == 0, "SPLIT": split,
        "QUALITY": np.full(n_spec, 1024, np.uint32), "SHARD": ["main-dark-0"] * n_spec,
    })  # fmt: skip
    prepare = pa.table({
        "TARGETID": target_id, "EBV": rng.uniform(0, 0.1, n_spec).astype(np.float32),
        "SCALE": rng.uniform(0.5, 9, n_spec).astype(np.float32), "QUALITY": np.full(n_spec, 2, np.uint32),
        "SNR": rng.uniform(1, 9, n_spec).astype(np.float32), "COVERAGE": np.ones(n_spec, np.float32),
    })  # fmt: skip
    raw = np.where(scored, rng.normal(size=n_spec), np.nan).astype(np.float32)
    score = {"TARGETID": pa.array(target_id)} | {f"SCORE_{name}": pa.array(raw) for name in DETECTORS}
    for name in ("NARROW", "BROAD"):
        score |= {
            f"PEAK_{name}_WAVE": masked(rng.uniform(3600, 9824, n_spec), dtype=np.float32),
            f"PEAK_{name}_SCALE": masked(np.full(n_spec, 4), dtype=np.int16),
            f"PEAK_{name}_SIGN": masked(rng.choice([-1, 1], n_spec), dtype=np.int8),
            f"PEAK_{name}_DEPTH": masked(rng.uniform(-1, 1, n_spec), dtype=np.float32),
            f"PEAK_{name}_SIGMA": masked(rng.uniform(3, 30, n_spec), dtype=np.float32),
        }
    score |= {
        "REDSHIFT_BEST_Z": masked(rng.uniform(0.5, 4.0, n_spec), dtype=np.float32),
        "REDSHIFT_DELTA_CHI2": masked(rng.normal(-50, 20, n_spec), dtype=np.float32),
        "JOIN_STEP": masked(rng.normal(0, 0.05, n_spec), dtype=np.float32),
        "JOIN_WAVE": masked(rng.choice([5780.0, 7570.0], n_spec), dtype=np.float32),
    }
    significance = {"TARGETID": pa.array(target_id)}
    for name in DETECTORS:
        significance[f"RANK_{name}"] = masked(rank)
        significance[f"TAIL_{name}"] = masked(rng.exponential(0.43, n_spec), dtype=np.float32)
    significance |= {
        "SCORE": masked(rng.exponential(0.43, n_spec), dtype=np.float32), "RANK": masked(rank),
        "P_VALUE": masked(rng.uniform(size=n_spec), test), "Q_VALUE": masked(rng.uniform(size=n_spec), test),
        "GROUP": pa.array([f"g{i % 2}" if keep else None for i, keep in enumerate(test)], pa.string()),
        "TIER": pa.array(["gold" if keep else None for keep in test], pa.string()),
        "FDP_95": masked(rng.uniform(size=n_spec), test),
    }  # fmt: skip
    shuffled = {"sample": sample, "prepare": prepare, "score": pa.table(score), "significance": pa.table(significance)}
    return {name: table.take(rng.permutation(n_spec)) for name, table in shuffled.items()}


@pytest.fixture
def tables():
    return make_tables(60)
