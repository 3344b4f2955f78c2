"""embed: latent vectors and reconstructions of a shard."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from oddqso.embed.params import EncodeParams
from oddqso.runs.stage import Context, Stage
from oddqso.spectra import Spectra


@lru_cache(maxsize=1)
def _model(folder: Path, state: int) -> Any:
    from oddqso.embed.weights import load_model

    return load_model(folder)


def embed(context: Context, prepared: pa.Table, trained: Path, *, params: EncodeParams) -> pa.Table:
    """Encode and decode one shard; rows keep their order."""
    from oddqso.embed.encoding import encode

    model = _model(trained, (trained / "manifest.json").stat().st_mtime_ns)
    return encode(model, Spectra.from_table(prepared), params.batch_size, params.n_thread, params.device).to_table()


STAGE = Stage("embed", kind="map", reads=("prepare", "train"), function=embed, params=EncodeParams)
