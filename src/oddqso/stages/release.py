"""release: the catalog as Parquet, FITS and VOTable."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oddqso.catalog.params import ReleaseParams
from oddqso.runs.files import read_json, write_json
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.spectra import UNSCORABLE


def release(
    context: Context,
    sample: Path,
    prepared: Shards,
    scored: Shards,
    significance: Path,
    *,
    params: ReleaseParams,
    out: Path,
) -> None:
    """Fill ``out`` with ``catalog.{parquet,fits,vot}`` and the whole quality waterfall."""
    from oddqso.catalog.assemble import assemble
    from oddqso.catalog.release import write_release

    facts = prepared.columns("TARGETID", "EBV", "SNR", "COVERAGE", "SCALE", "STRICT", "QUALITY")
    catalog = assemble(
        pq.read_table(sample / "sample.parquet"),
        facts,
        scored.columns(*next(iter(scored)).column_names),
        pq.read_table(significance / "table.parquet"),
        params.found_tail,
    )
    prints = {
        name: read_json(folder / "manifest.json")["fingerprint"]
        for name, folder in (("sample", sample), ("score", scored.folder), ("significance", significance))
    }
    write_release(catalog, out, {f"{name}_fingerprint": value for name, value in prints.items()}, params)
    steps = read_json(sample / "waterfall.json")
    write_json(out / "waterfall.json", waterfall(steps, facts["QUALITY"].to_numpy(), facts["STRICT"].to_numpy()))


def waterfall(
    steps: list[dict[str, Any]], quality: NDArray[np.uint32], strict: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """The sample's cuts, and what was found when the spectra were read: permissive first, then what makes it strict."""
    n_scored = int((quality & UNSCORABLE == 0).sum())
    scored = {
        "name": "scored",
        "description": "enough good pixels, a continuum, and a redshift within the model's range",
        "n_in": len(quality),
        "n_out": n_scored,
        "n_flagged": int((quality != 0).sum()),
        "strict": False,
    }
    permissive = [step for step in steps if not step["strict"]]
    stricter = [step for step in steps if step["strict"]]
    last = {
        "name": "strict, with signal",
        "description": "scored, and with the S/N that the strict sample asks for",
        "n_in": stricter[-1]["n_out"] if stricter else n_scored,
        "n_out": int(strict.sum()),
        "n_flagged": 0,
        "strict": True,
    }
    return [*permissive, scored, *stricter, last]


STAGE = Stage(
    "release",
    kind="gather",
    reads=("sample", "prepare", "score", "significance"),
    function=release,
    params=ReleaseParams,
)
