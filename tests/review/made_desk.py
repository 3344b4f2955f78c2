"""A vetting desk on a run that was never made: scores in memory, batches drawn as a run draws them, no stages."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oddqso.errors import OddqsoError
from oddqso.reports.results import SpectrumView
from oddqso.review.desk import Desk
from oddqso.review.desk_work import DeskWork
from oddqso.runs.directory import RunDirectory
from oddqso.significance.labels import Labels
from oddqso.significance.params import SignificanceParams
from oddqso.significance.running import FrozenScores, certificate_of
from oddqso.vetting.ledger import KEYS_NAME, read_labels, read_ledger
from oddqso.vetting.params import VettingParams
from oddqso.vetting.queue import Pool, at_random, draw_batch, from_the_top, make_key

N_HELD, N_TEST = 400, 120
FIRST_HELD = 39_628_000_000_000_001
PARAMS = SignificanceParams()


def frozen_scores() -> FrozenScores:
    """Scores of spectra held out, the oddest first, and of those that are listed."""
    rng = np.random.default_rng(4)
    held, listed = np.sort(rng.exponential(1, N_HELD))[::-1], rng.exponential(1, N_TEST)
    listed[:30] += 9
    return FrozenScores(
        np.arange(FIRST_HELD, FIRST_HELD + N_HELD + N_TEST),
        np.concatenate([held, listed]).astype(np.float32),
        np.full(N_HELD + N_TEST, "strict"),
        np.array(["CALIBRATION"] * N_HELD + ["TEST"] * N_TEST),
    )


def made_desk(directory: RunDirectory, view: Callable[[int], SpectrumView]) -> Desk:
    """The desk; bringing the run up to date writes the certificate alone."""
    frozen, vetting = frozen_scores(), directory.root / "vetting"
    rng = np.random.default_rng(5)
    z, snr = rng.uniform(0.5, 3, N_HELD + N_TEST), rng.uniform(2, 6, N_HELD + N_TEST)
    pool = Pool(frozen.target_id, frozen.score.astype(float), snr, z, frozen.group)
    held, listed = pool[frozen.split == "CALIBRATION"], pool[frozen.split == "TEST"]

    def draw(n: int | None, audit: str | None) -> str:
        ledger, params = read_ledger(vetting), VettingParams()
        number = len(ledger.keys) + 1
        seen = np.array([row["TARGETID"] for row in ledger.items().values()], np.int64)
        n_asked = round((n or params.batch_items) * (1 - params.planted_share - params.ordinary_share))
        asked = held if audit is None else listed
        rows = from_the_top(held, seen, n_asked) if audit is None else at_random(listed, seen, n_asked, rng)
        drawn = draw_batch(asked, rows, held, seen, params, rng)
        sampled = None if audit is None else (audit, len(listed))
        key = make_key(drawn, asked, sampled, held, [("felobal", 1.0)] * len(drawn.hosts), number, rng)
        (vetting / KEYS_NAME).mkdir(parents=True, exist_ok=True)
        pq.write_table(key, vetting / KEYS_NAME / f"batch-{number:03d}.parquet")
        return f"batch-{number:03d}"

    def views(key: pa.Table, batch: str) -> Iterator[SpectrumView]:
        return (view(target_id) for target_id in key["TARGETID"].to_pylist())

    def update() -> None:
        found = read_labels(vetting)
        made, tiers = frozen.claims(None if found is None else Labels(*found), PARAMS)
        path = directory.stage("significance") / "certificate.json"
        try:
            path.write_text(json.dumps(certificate_of(made, tiers)))
        except OSError as error:
            raise OddqsoError(str(error)) from error

    return Desk(directory, DeskWork(draw, views, lambda: (frozen, PARAMS), update))
