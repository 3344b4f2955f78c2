"""The page: everything that was measured and drawn, put into the template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np

from oddqso.reports import statistics
from oddqso.reports.candidates import Shown
from oddqso.reports.params import ReportParams
from oddqso.reports.results import Results
from oddqso.reports.style import data_uri
from oddqso.reports.words import NAMES, QUALITY_WORDS
from oddqso.spectra.quality import Quality

_ALONE_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """A summary plot: its PNG and what it shows, in words."""

    png: bytes
    alt: str


def render_page(
    results: Results,
    figures: Mapping[str, Any],
    plots: Mapping[str, Plot],
    shown: Shown,
    params: ReportParams,
) -> str:
    """The report as one page of HTML that loads nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("oddqso.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        count=_count, digits=_digits, percent=_percent, png=lambda content: data_uri(content, "png"),
        webp=lambda content: data_uri(content, "webp"), label=lambda name: NAMES.get(name, name),
        plain=lambda name: name.replace("_", " "),
    )  # fmt: skip
    quality_words = {str(bit.name): QUALITY_WORDS.get(bit, str(bit.name)) for bit in Quality}
    return environment.get_template("index.html.j2").render(
        results=results,
        params=params,
        m=figures,
        plots=plots,
        candidates=shown.candidates,
        head=shown.head,
        typical=shown.typical,
        worst=shown.worst,
        alone=alone_examples(results),
        with_figure={example.row["TARGETID"] for example in shown.candidates},
        quality_words=quality_words,
        settings=_flat(results.settings),
        provenance=_flat(results.provenance),
    )


def alone_examples(results: Results) -> dict[str, list[int]]:
    """TARGETIDs that one detector found and no other one (FOUND_BY), the best few of each."""
    catalog = results.catalog
    found_by, target_id = statistics.words(catalog, "FOUND_BY"), catalog["TARGETID"].to_pylist()
    examples = {}
    for name in statistics.detectors(catalog):
        alone = np.flatnonzero(found_by == name)
        best = alone[np.argsort(statistics.column(catalog, f"RANK_{name}")[alone], kind="stable")][:_ALONE_SHOWN]
        examples[name] = [target_id[i] for i in best]
    return examples


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[f"{before}{key}"] = "none" if value is None else str(value)
    return flat


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _digits(value: float | None, n_digit: int = 2) -> str:
    return "–" if value is None else f"{value:.{n_digit}f}"


def _percent(value: float | None, n_digit: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{n_digit}f} %"
