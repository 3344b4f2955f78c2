"""A survey that nothing was trained or tuned on: ordinary simulated quasars, with the truth behind each spectrum."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from oddqso.api.pretraining import ordinary_survey
from oddqso.config import Settings
from oddqso.desi.survey import PixelPlan, plan_survey
from oddqso.runs.files import read_table, write_table
from oddqso.spectra import UNSCORABLE, Spectra

SEED = 50_261
N_TARGET = 12_500
SNR_MIN = 1.0
"""Fainter spectra are in no bin."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Spectra of one pixel of the survey: tables as a run has them, and what is known of simulated spectra alone.

    ``truth`` and ``delivered`` (n_spec, n_native) are the flux without noise: that of the quasar, and that with the
    errors of the flux calibration, which no reconstruction can undo. ``prepared`` has the columns SNR and BAL (0 none,
    1 high ionization, 2 low ionization) besides its own.
    """

    ingested: pa.Table
    prepared: pa.Table
    truth: Any
    delivered: Any

    def __getitem__(self, rows: Any) -> "Chunk":
        """Some of the spectra."""
        return Chunk(
            self.ingested.take(pa.array(rows)),
            self.prepared.take(pa.array(rows)),
            self.truth[rows],
            self.delivered[rows],
        )


def make(folder: Path, n_target: int, workers: int) -> None:
    """Simulate what is not there yet, and prepare it as a run would."""
    plans = [
        plan for plan in plan_survey(ordinary_survey(n_target, SEED)) if not (folder / f"{plan.name}.npy").exists()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(partial(_make_chunk, folder=folder, n_target=n_target), plans))


def _make_chunk(plan: PixelPlan, folder: Path, n_target: int) -> None:
    from oddqso.desi.mock_spectra import pixel_truth
    from oddqso.prepare.prepare import prepare

    settings = Settings()
    native, strict, truth = pixel_truth(plan, ordinary_survey(n_target, SEED), settings.sample, settings.ingest)
    prepared, snr, _ = prepare(native, settings.prepare)
    rows = np.flatnonzero(strict & (snr >= SNR_MIN) & (prepared.quality & UNSCORABLE == 0))
    table = prepared[rows].to_table().append_column("SNR", pa.array(snr[rows].astype(np.float64)))
    bal = np.array([truth.targets[row].found["bal"] for row in rows], dtype=np.int8)
    write_table(folder / f"{plan.name}-ingested.arrow", native[rows].to_table())
    write_table(folder / f"{plan.name}-prepared.arrow", table.append_column("BAL", pa.array(bal)))
    aside = folder / f"{plan.name}.npy.new"
    with aside.open("wb") as file:
        np.save(file, np.stack([truth.flux[rows], (truth.flux * truth.calibration)[rows]]))
    aside.replace(folder / f"{plan.name}.npy")


def chunks(folder: Path) -> Iterator[Chunk]:
    """The whole sample, pixel by pixel."""
    for path in sorted(folder.glob("*.npy")):
        tables = (read_table(folder / f"{path.stem}-{name}.arrow") for name in ("ingested", "prepared"))
        yield Chunk(*tables, *np.load(path, mmap_mode="r"))


def prepared(folder: Path) -> Spectra:
    """All prepared spectra of the sample."""
    table = pa.concat_tables([chunk.prepared for chunk in chunks(folder)])
    return Spectra.from_table(table.combine_chunks())
