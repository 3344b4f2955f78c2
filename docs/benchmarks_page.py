"""The page of measured figures, made from the files that the benchmarks write."""

import json
from pathlib import Path
from typing import Any

from discovery_page import discovery_page
from finetuning_page import finetuning_page
from model_page import model_page
from review_page import review_page

from oddqso.stages import STAGES

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def benchmarks_page() -> str:
    """What was measured, on what machine, and how to measure it again."""
    text = "# Benchmarks\n\n*This page is made from `benchmarks/results/` by `make docs`.*\n"
    ingest, realism = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("ingest", "realism"))
    text += _ingest(ingest)
    model = RESULTS / "model.json"
    if model.exists():
        text += model_page(json.loads(model.read_text()))
    finetuning = RESULTS / "finetuning.json"
    if finetuning.exists():
        text += finetuning_page(json.loads(finetuning.read_text()))
    discovery = RESULTS / "discovery.json"
    if discovery.exists():
        text += discovery_page(json.loads(discovery.read_text()))
    review = RESULTS / "review.json"
    if review.exists():
        text += review_page(json.loads(review.read_text()))
    return text + _realism(realism)


def _ingest(found: dict[str, Any]) -> str:
    machine, read, prepare, run = (found[name] for name in ("machine", "read", "prepare", "run"))
    text = (
        f"\n## From files to a catalog\n\n`make bench-ingest`, on {machine['cores']} cores ({machine['processor']}), "
        f"load {machine['load_average']} at the start; memory copies at {machine['memory_copy_gb_per_s']} GB/s, cached "
        f"files read at {machine['file_cached_gb_per_s']} GB/s, uncached at {machine['file_uncached_gb_per_s']} GB/s. "
        "All spectra are simulated.\n\n"
        f"**Reading** {read['n_wanted']} scattered rows of {read['n_target']} in a coadd of {read['file_gb']} GB, "
        "spectra per CPU-second:\n\n| oddqso | astropy, whole images | astropy, memory map | astropy, getdata |\n"
        "|---|---|---|---|\n"
        f"| {_n(read['per_cpu_s']['oddqso'])} | {_n(read['per_cpu_s']['astropy_whole'])} "
        f"({read['read_vs_astropy']}x) | {_n(read['per_cpu_s']['astropy_map'])} ({read['read_vs_astropy_map']}x) "
        f"| {_n(read['per_cpu_s']['astropy_getdata'])} ({read['read_vs_astropy_getdata']}x) |\n\n"
        f"**Preparing** (join, deredden, rebin, normalize): {_n(prepare['prepare_per_cpu_s'])} spectra per CPU-second, "
        f"{prepare['prepare_vs_spectres_batched']} times NumPy with spectres in batches of "
        f"{prepare['batch_of_spectres']}.\n\n"
        f"**Simulating** a survey, resolution matrices and start-up included: {found['simulate_per_s']} targets/s.\n\n"
        f"**Whole runs** with {run['workers']} workers, through the command line. Training (cut short) and the report "
        "are not counted; start-up is. Memory is of all processes together, mapped files included; private memory is "
        "without them. The larger surveys are copies of one simulated survey under other TARGETIDs, 0.1 MB a target, "
        "written just before.\n\n| spectra | seconds | spectra/s | peak memory [GB] | private [GB] |\n"
        "|---|---|---|---|---|\n"
    )
    for one in run["runs"]:
        text += (
            f"| {one['n_spec']:,} | {one['without_training_seconds']} | {one['per_s']} | {one['peak_memory_gb']} "
            f"| {one['peak_private_gb']} |\n"
        )
    names = [stage.name for stage in STAGES if run["runs"][-1]["stage_seconds"].get(stage.name)]
    text += "\nSeconds by stage:\n\n| spectra | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1) + "\n"
    for one in run["runs"]:
        text += (
            f"| {one['n_spec']:,} | " + " | ".join(str(one["stage_seconds"].get(name, "")) for name in names) + " |\n"
        )
    return text


def _realism(found: dict[str, Any]) -> str:
    auc = found["classifier"]["auc"]
    text = (
        "\n## How real the simulation looks\n\n`make bench-realism`. Composite of simulated ordinary quasars against "
        "Vanden Berk et al. 2001:\n\n| line | EW [Å] | published | peak [Å] | published |\n|---|---|---|---|---|\n"
    )
    for name, line in found["lines"].items():
        text += f"| {name} | {line['ew']} | {line['ew_published']} | {line['peak']} | {line['peak_published']} |\n"
    text += (
        f"\nContinuum slope of the composite: {found['composite_slope']['alpha_nu_1355_4230']} "
        f"(published {found['composite_slope']['published']}).\n\n"
        f"A classifier told {found['classifier']['n_simulated']} simulated spectra from "
        f"{found['classifier']['n_real']} real ones (SDSS in the DESI layout, matched in redshift and S/N, "
        f"cross-validated) with AUC {auc['boosting']} (gradient boosting) and {auc['logistic']} (logistic); 0.5 would "
        "be indistinguishable. Line strengths were tuned on the medians of the same real spectra, so this is "
        "optimistic. What separates best:\n\n| feature | AUC | median, real | median, simulated |\n|---|---|---|---|\n"
    )
    for one in found["classifier"]["gives_it_away"][:8]:
        text += f"| {one['feature']} | {one['auc']} | {one['median_real']} | {one['median_simulated']} |\n"
    return text


def _n(value: float) -> str:
    return f"{value:,.0f}"
