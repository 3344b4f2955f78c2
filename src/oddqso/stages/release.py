"""release: the catalog as Parquet, FITS and VOTable."""

from pathlib import Path

import pyarrow.parquet as pq

from oddqso.catalog.params import ReleaseParams
from oddqso.runs.files import read_json, write_json
from oddqso.runs.shards import Shards
from oddqso.runs.stage import Context, Stage
from oddqso.spectra import UNSCORABLE
from oddqso.spectra.quality import Quality


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
    )
    prints = {
        name: read_json(folder / "manifest.json")["fingerprint"]
        for name, folder in (("sample", sample), ("score", scored.folder), ("significance", significance))
    }
    write_release(catalog, out, {f"{name}_fingerprint": value for name, value in prints.items()}, params)
    quality = facts["QUALITY"].to_numpy()
    n_scored = int((quality & UNSCORABLE == 0).sum())
    flagged = [
        {"name": str(bit.name), "n": int((quality & bit != 0).sum()), "scored": not bit & UNSCORABLE} for bit in Quality
    ]
    steps = read_json(sample / "waterfall.json")
    steps += [
        {
            "name": "scored",
            "description": "enough good pixels, a continuum, and a redshift within the model's range",
            "n_in": len(quality),
            "n_out": n_scored,
        },
        {
            "name": "strict",
            "description": "of those scored: may fit the model, and calibrate the strict group",
            "n_in": n_scored,
            "n_out": int(facts["STRICT"].to_numpy().sum()),
        },
    ]
    write_json(out / "waterfall.json", {"steps": steps, "quality": flagged})


STAGE = Stage(
    "release",
    kind="gather",
    reads=("sample", "prepare", "score", "significance"),
    function=release,
    params=ReleaseParams,
)
