"""The blind export: a page of spectra, and a table to fill in; nothing in it tells what a detector thought."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import jinja2

from oddqso.reports.results import SpectrumView
from oddqso.reports.spectrum_plot import SpectrumSheet
from oddqso.reports.style import styled

QUEUE_NAME = "queue.csv"
COLUMNS = ("ITEM", "VERDICT", "Z", "COMMENT")


def write_blind(
    folder: Path, batch: str, items: Sequence[str], views: Iterator[SpectrumView], verdicts: Sequence[tuple[str, str]]
) -> None:
    """Fill a folder with ``queue.csv``, ``index.html`` and ``plots/{item}.png``.

    Parameters
    ----------
    folder : Path
        An empty folder.
    batch : str
        Name of the batch.
    items : sequence of str
        Names of the items, in the order in which they are shown.
    views : iterator of SpectrumView
        Their spectra, in that order. TARGETIDs are not shown.
    verdicts : sequence of (str, str)
        Words to choose from, each with what it means.
    """
    (folder / "plots").mkdir(parents=True)
    with styled():
        sheet = SpectrumSheet(blind=True)
        shown = []
        for item, view in zip(items, views, strict=True):
            sheet.fill(view, {}, item)
            sheet.figure.savefig(folder / "plots" / f"{item}.png", dpi=110, metadata={"Software": None})
            shown.append({"name": item, "z": f"{view.z:.4f}"})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("oddqso.reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    page = environment.get_template("blind.html.j2").render(batch=batch, items=shown, verdicts=verdicts)
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / QUEUE_NAME).write_text(queue_text(items), encoding="utf-8")


def queue_text(items: Sequence[str], answers: Sequence[Sequence[str]] = ()) -> str:
    """The text of ``queue.csv``; ``answers`` fill the columns after ITEM.

    Examples
    --------
    >>> queue_text(["001-AAAA"]).splitlines()
    ['ITEM,VERDICT,Z,COMMENT', '001-AAAA,,,']
    """
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item, answer in zip(items, answers or [("", "", "")] * len(items), strict=True):
        writer.writerow([item, *answer])
    return sink.getvalue()
