"""The spectra that get a figure: the oddest ones, and ordinary ones that show what the model can do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow.compute as pc

from oddqso.reports.accuracy import SNR_MIN, Accuracy
from oddqso.reports.params import ReportParams
from oddqso.reports.results import Results
from oddqso.reports.spectrum_plot import SpectrumSheet
from oddqso.reports.words import describe, fired_names, sky_links


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One spectrum with its figure.

    Parameters
    ----------
    row : dict
        Its row of the catalog.
    image : bytes
        The figure as WebP.
    words : list of str
        What is to be said of it.
    fired : list of str
        Detectors that fired, strongest first.
    links : dict of str to str
        Where to look outside.
    truth : str, optional
        What it is in truth: "" for ordinary; None if unknown.
    caption : str
        A few words for a small figure.
    """

    row: dict[str, Any]
    image: bytes
    words: list[str]
    fired: list[str]
    links: dict[str, str]
    truth: str | None
    caption: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The spectra that the page shows.

    Parameters
    ----------
    candidates : list of Example
        The oddest by rank.
    head : list of Example
        The first of them in small figures.
    typical, worst : list of Example
        Reconstructions of ordinary spectra.
    """

    candidates: list[Example]
    head: list[Example]
    typical: list[Example]
    worst: list[Example]


def candidate_examples(results: Results, classes: Sequence[str | None] | None, params: ReportParams) -> list[Example]:
    """The oddest spectra by rank, each with its figure."""
    catalog = results.catalog
    top = pc.and_kleene(pc.is_valid(catalog["RANK"]), pc.less_equal(catalog["RANK"], params.n_candidates))
    places = np.flatnonzero(top.fill_null(False).to_numpy())
    rows = catalog.take(places).to_pylist()
    order = np.argsort([row["RANK"] for row in rows], kind="stable")
    truths = [classes[i] if classes is not None else None for i in places.tolist()]
    sheet = SpectrumSheet(params.figure_width_pixels)
    return _examples(results, [rows[i] for i in order], [truths[i] for i in order], [""] * len(rows), sheet)


def compact_examples(results: Results, examples: Sequence[Example], params: ReportParams) -> list[Example]:
    """The same spectra in small figures, for the head of the page."""
    sheet = SpectrumSheet(params.figure_width_pixels, compact=True)
    small = []
    for example, view in zip(examples, results.spectra([e.row["TARGETID"] for e in examples]), strict=True):
        sheet.fill(view, example.row)
        small.append(replace(example, image=sheet.image()))
    return small


def reconstruction_examples(
    results: Results, rows: Sequence[dict[str, Any]], accuracy: Accuracy, params: ReportParams
) -> tuple[list[Example], list[Example]]:
    """Held-out ordinary spectra: typical ones at several S/N and z, and those that are reconstructed worst.

    Typical is the one of median error in a cell of S/N and z; worst is the largest error at S/N of at least 2.
    """
    by_id = {row["TARGETID"]: row for row in rows}
    found = [(by_id[i], error) for i, error in zip(accuracy.target_id.tolist(), accuracy.error.tolist(), strict=True)]
    found.sort(key=lambda item: (item[0]["SNR"], item[0]["TARGETID"]))
    n_snr = max(1, params.n_reconstructions // 2)
    typical: list[tuple[dict[str, Any], float]] = []
    for part in np.array_split(np.arange(len(found)), n_snr):
        cell = sorted((found[i] for i in part), key=lambda item: (item[0]["Z"], item[0]["TARGETID"]))
        for half in (cell[: len(cell) // 2], cell[len(cell) // 2 :]):
            if half:
                typical.append(sorted(half, key=lambda item: item[1])[len(half) // 2])
    bright = [item for item in found if item[0]["SNR"] >= SNR_MIN] or found
    worst = sorted(bright, key=lambda item: -item[1])[: params.n_reconstructions]
    made = []
    for chosen in (typical[: params.n_reconstructions], worst):
        captions = [
            f"S/N {row['SNR']:.1f}, z = {row['Z']:.3f}: "
            + (f"off by {error:.1%} of the flux" if error else "no difference beyond the noise")
            for row, error in chosen
        ]
        sheet = SpectrumSheet(params.figure_width_pixels, compact=True)
        made.append(_examples(results, [row for row, _ in chosen], [None] * len(chosen), captions, sheet))
    return made[0], made[1]


def _examples(
    results: Results,
    rows: Sequence[dict[str, Any]],
    truths: Sequence[str | None],
    captions: Sequence[str],
    sheet: SpectrumSheet,
) -> list[Example]:
    if not rows:
        return []
    examples = []
    views = results.spectra([row["TARGETID"] for row in rows])
    for row, view, truth, caption in zip(rows, views, truths, captions, strict=True):
        sheet.fill(view, row)
        examples.append(
            Example(row, sheet.image(), describe(row, view), fired_names(row), sky_links(row), truth, caption)
        )
    return examples
