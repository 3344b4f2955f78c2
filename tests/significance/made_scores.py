"""A sample with scores, for the tests of this room."""

import numpy as np
import pyarrow as pa

from oddqso.significance.params import SignificanceParams
from oddqso.spectra import Quality

NAMES = (*SignificanceParams().merged, "KL")


def make_table(n=1500, seed=0, odd=8):
    """Scores that grow with S/N, with some odd spectra, some of them permissive, and some that cannot be scored."""
    rng = np.random.default_rng(seed)
    log_snr = rng.normal(0.3, 0.3, n)
    scores = {f"SCORE_{name}": (rng.gumbel(size=n) * 10**log_snr).astype(np.float32) for name in NAMES}
    for name in ("SCORE_NARROW", "SCORE_CHI2"):
        scores[name][:odd] += 200
    quality = np.where(np.arange(n) % 50 == 49, int(Quality.NO_CONTINUUM), 0).astype(np.uint32)
    for column in scores.values():
        column[quality > 0] = np.nan
    return pa.table(
        {
            "TARGETID": rng.permutation(n).astype(np.int64) + 10, "Z": rng.uniform(0.8, 3, n),
            "SNR": (10**log_snr).astype(np.float32),
            "COVERAGE": rng.choice([0.5, 0.97], n, p=[0.1, 0.9]).astype(np.float32),
            "STRICT": rng.random(n) < 0.8, "SPLIT": rng.choice(["FIT", "CALIBRATION", "TEST"], n, p=[0.2, 0.25, 0.55]),
            "QUALITY": quality,
        }
        | {name: pa.array(column, from_pandas=True) for name, column in scores.items()}
    )  # fmt: skip
