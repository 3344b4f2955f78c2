"""Serve a made run as a process of its own, to be killed: ``python serve.py RUN STORE PORT``; prints the link."""

import sys
from pathlib import Path

import numpy as np

from oddqso.reports.results import SpectrumView
from oddqso.review.atlas import Atlas
from oddqso.review.room import Room
from oddqso.review.serving import listen, serve
from oddqso.review.source import open_source
from oddqso.review.store import open_store
from oddqso.spectra.grid import native_grid


def view(target_id: int) -> SpectrumView:
    """A spectrum that depends on the TARGETID alone: a line over a slope, and noise."""
    wave = native_grid()
    rng = np.random.default_rng(target_id % 2**32)
    model = (3 - (wave - 3600) / 4000 + 4 * np.exp(-0.5 * ((wave - 5500) / 60) ** 2)).astype(np.float32)
    ivar = np.full(len(wave), 9.0, np.float32)
    ivar[2000:2010] = 0
    flux = (model + rng.normal(size=len(wave)) / 3).astype(np.float32)
    flux[4000] = 500.0  # a spike
    return SpectrumView(target_id, 1.5, wave, flux, ivar, model, 0.1 * model)


def main(run: Path, store: Path, port: int) -> None:
    """Serve until killed."""
    source = open_source(run, lambda target_ids: [view(one) for one in target_ids])
    kept = open_store(store)
    room = Room(kept, source, local=kept.ensure_local_reviewer("me"), atlas=Atlas(source))
    with listen("127.0.0.1", port) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/?token={room.launch.new()}"
        serve(room, listening, lambda: print(url, flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
