import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from oddqso.errors import StoreError
from oddqso.reports.candidates import Shown
from oddqso.reports.metrics import measure
from oddqso.reports.metrics_page import KEYS, metrics_page
from oddqso.reports.page import render_page
from oddqso.reports.params import ReportParams
from oddqso.reports.training import training_figures
from oddqso.reports.write import write_report

PARAMS = ReportParams(n_candidates=6, n_reconstructions=2, n_quality=60, n_bootstrap=20, pdf=False)


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    return out, write_report(results, out, PARAMS)


VOID = {"meta", "img", "input", "br", "link", "hr"}


class Reader(HTMLParser):
    """Collects what a page loads, its images, its anchors, and whether its tags are closed."""

    def __init__(self):
        super().__init__()
        self.loads, self.images, self.ids, self.hashes, self.open, self.text = [], [], [], [], [], ""

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("img", "script", "iframe", "source"):
            self.loads.append(attrs.get("src", ""))
        if tag == "link":
            self.loads.append(attrs.get("href", ""))
        if tag == "img":
            self.images.append(attrs)
        if tag == "a" and attrs["href"].startswith("#"):
            self.hashes.append(attrs["href"][1:])
        if "id" in attrs:
            self.ids.append(attrs["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(out):
    reader = Reader()
    reader.feed((out / "index.html").read_text(encoding="utf-8"))
    return reader


def test_the_page_loads_nothing_from_elsewhere(written):
    page = (written[0] / "index.html").read_text(encoding="utf-8")
    assert all(not source or source.startswith("data:image/") for source in read(written[0]).loads)
    assert "@import" not in page
    assert not re.search(r"url\((?!data:)", page)


def test_the_page_is_well_formed_and_its_links_lead_somewhere(written):
    reader = read(written[0])
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(reader.hashes) <= set(reader.ids)


def test_every_image_is_described(written):
    assert all(len(image["alt"]) > 20 for image in read(written[0]).images)


def test_the_page_says_whether_the_spectra_are_real(results, written, tmp_path):
    assert "Simulated spectra" in read(written[0]).text
    assert "nothing on it is a discovery" in read(written[0]).text
    real = results.catalog.set_column(0, "TARGETID", pa.array(results.catalog["TARGETID"].to_numpy() - (1 << 58)))
    back = lambda ids: results.spectra([i + (1 << 58) for i in ids])  # noqa: E731
    write_report(
        replace(results, catalog=real, spectra=back, ordinary=[], truth=None, is_simulated=False), tmp_path, PARAMS
    )
    assert "Real spectra" in read(tmp_path).text
    text = read(tmp_path).text
    assert "Simulated spectra" not in text
    assert "These spectra are simulated" not in text
    assert "legacysurvey.org" in (tmp_path / "index.html").read_text()


def test_text_from_outside_cannot_become_markup(results, written):
    page = (written[0] / "index.html").read_text(encoding="utf-8")
    assert "<certified>" not in page
    assert "<certified>" in read(written[0]).text


def test_the_candidates_stand_in_the_order_of_their_rank(written):
    out, figures = written
    cards = [i for i in read(out).ids if re.fullmatch(r"t\d+", i)]
    assert cards == [f"t{c['target_id']}" for c in figures["candidates"]]
    assert [c["rank"] for c in figures["candidates"]] == sorted(c["rank"] for c in figures["candidates"])
    assert len(cards) == PARAMS.n_candidates


def leaves(value, path=""):
    if isinstance(value, dict):
        return {leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}" if path else key)}
    if isinstance(value, list):
        return {leaf for item in value for leaf in leaves(item, f"{path}[]")} or {path}
    return {path}


def matches(key, leaf):
    pattern = re.escape(key).replace(r"\*", r"[^.\[\]]+").replace("claim\\.[^.\\[\\]]+", "claim\\..+")
    return re.fullmatch(pattern + r"(\[\])?", leaf)


def test_every_figure_is_explained_and_every_explained_figure_is_there(written):
    found = leaves(json.loads((written[0] / "metrics.json").read_text()))
    assert [leaf for leaf in found if not any(matches(key, leaf) for key in KEYS)] == []
    assert [key for key in KEYS if not any(matches(key, leaf) for leaf in found)] == []
    assert all(f"| `{key}` |" in metrics_page() for key in KEYS)


def test_what_is_returned_is_what_is_written(written):
    out, figures = written
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(figures))
    assert "NaN" not in (out / "metrics.json").read_text()


def test_the_same_results_make_the_same_page(results, written, tmp_path):
    write_report(results, tmp_path, PARAMS)
    for path in written[0].rglob("*.*"):
        assert (tmp_path / path.relative_to(written[0])).read_bytes() == path.read_bytes(), path.name


def test_plots_come_as_png_and_pdf(results_of, tmp_path):
    write_report(results_of(120, 2), tmp_path, PARAMS.model_copy(update={"n_candidates": 0, "pdf": True}))
    names = {path.stem for path in (tmp_path / "plots").glob("*.png")}
    assert {"waterfall", "training", "accuracy", "flatness", "p_values", "discoveries", "agreement"} <= names
    assert {path.stem for path in (tmp_path / "plots").glob("*.pdf")} == names


@pytest.mark.parametrize("n_spec", [0, 1, 12])
def test_a_tiny_run_still_has_a_report(results_of, n_spec, tmp_path):
    full = results_of(60, 3)
    few = replace(full, catalog=full.catalog[:n_spec], ordinary=full.ordinary[:n_spec], claim={}, waterfall=[])
    figures = write_report(few, tmp_path, PARAMS)
    assert figures["sample"]["n"] == n_spec
    assert read(tmp_path).open == []


def test_a_run_in_which_nothing_was_scored_still_has_a_report(results_of, tmp_path):
    full = results_of(30, 4)
    catalog = full.catalog
    for name in catalog.column_names:
        if name.startswith(("SCORE", "RANK", "TAIL", "PEAK", "P_VALUE", "Q_VALUE")):
            place = catalog.column_names.index(name)
            catalog = catalog.set_column(place, name, pa.nulls(catalog.num_rows, catalog.schema.field(name).type))
    figures = write_report(replace(full, catalog=catalog, curves=full.curves[:0]), tmp_path, PARAMS)
    assert figures["p_values"] == {"n": 0}
    assert "No spectrum could be scored" in read(tmp_path).text


LATENTS = {
    "active_latents": [0, 1, 2], "redshift_leakage": {"r2": 0.0123, "r2_sigma": 0.004, "n_spec": 4321},
    "shift_consistency": {"share": 0.0456, "n_spec": 987},
}  # fmt: skip
PRETRAINED = {"start": "pretrained", "weights": {"sha256": "ab" * 32}, "n_train": 1000}


def _text(page):
    reader = Reader()
    reader.feed(page)
    return " ".join(reader.text.split())


@pytest.fixture(scope="module")
def said_of(results_of):
    """What metrics and page say of the training, given a card; without plots."""
    few, brief = results_of(40, 5), PARAMS.model_copy(update={"n_quality": 2})
    figures = measure(few, brief).figures

    def said(card):
        training = training_figures(few.curves.to_pylist(), card)
        return training, _text(render_page(few, figures | {"training": training}, {}, Shown([], [], [], []), brief))

    return said


def test_what_the_training_measured_of_its_latents_is_told(said_of):
    figures, text = said_of(LATENTS)
    assert (figures["redshift_r2"], figures["shift_consistency"], figures["n_active"]) == (0.0123, 0.0456, 3)
    assert set(figures["of_weights"].values()) == {None}
    assert "on held-out spectra of its training: 3 carry information" in text
    assert "functions of single latents tell 1.2 % ± 0.4 % of the variance" in text
    assert "at most 10 % is wanted: kept); what products of pairs of latents tell with them is not measured" in text
    assert "moves by 4.6 % of the distance to its nearest neighbor (987 spectra" in text


def test_what_the_card_of_pretrained_weights_says_is_not_passed_for_a_measurement_of_the_run(said_of):
    card, nothing = LATENTS | PRETRAINED, {"active_units": None, "redshift_leakage": None, "shift_consistency": None}
    figures, text = said_of(card | {"on_this_run": nothing})
    assert [figures[name] for name in ("n_active", "redshift_r2", "shift_consistency")] == [None] * 3
    assert figures["of_weights"]["redshift_r2"] == 0.0123
    assert "too few spectra to say how many carry information, or what they tell of the redshift" in text
    assert text.index("Of the weights, not of this run") < text.index("tell 1.2 % ± 0.4 %")
    own = {"redshift_leakage": {"r2": 0.0789, "r2_sigma": 0.02, "n_spec": 900}, "active_units": 2}
    figures, text = said_of(card | {"on_this_run": own})
    assert (figures["n_active"], figures["redshift_r2"], figures["redshift_n"]) == (2, 0.0789, 900)
    assert text.index("tell 7.9 % ± 2.0 %") < text.index("Of the weights, not of this run") < text.index("tell 1.2 %")


def test_leakage_beyond_the_limit_is_called_so_and_pairs_stand_beside_single_latents(said_of):
    leak = {"r2": 0.0571, "r2_sigma": 0.006, "r2_products": 0.291, "r2_products_sigma": 0.012, "n_spec": 12_000}
    figures, text = said_of(LATENTS | {"redshift_leakage": leak})
    assert (figures["redshift_r2_products"], figures["redshift_r2_products_sigma"]) == (0.291, 0.012)
    assert "tell 5.7 % ± 0.6 %" in text
    assert (
        "wanted: kept); what products of pairs of latents tell with them is 29.1 % ± 1.2 % (more than wanted);" in text
    )
    assert "wanted: more than wanted)" in said_of(LATENTS | {"redshift_leakage": leak | {"r2": 0.2}})[1]
    old = {"r2": 0.01, "r2_products": 0.02, "n_spec": 9000}  # of a card without their scatter
    assert "is 2.0 % (kept)" in said_of(LATENTS | {"redshift_leakage": old})[1]


SIMULATED = {"sha256": "ab" * 32, "n_train": 213_000, "data": {"survey": {"n_target": 250_000}}}
OF_A_RUN = {"sha256": "cd" * 32, "n_train": 9000, "data": None}


def test_only_weights_of_simulated_spectra_are_said_not_to_have_seen_the_run(said_of):
    figures, text = said_of(LATENTS | PRETRAINED | {"weights": SIMULATED})
    assert figures["weights_simulated"]
    assert "no spectrum of this run has taught it" in text
    assert "first spectra of FIT, which have not taught it" in text
    figures, text = said_of(LATENTS | PRETRAINED | {"weights": OF_A_RUN})
    assert not figures["weights_simulated"]
    assert "it may have learned from spectra of this run" in text
    assert "first spectra of FIT, which may have taught it" in text
    for claim in ("no spectrum of this run", "have not taught", "not learned from"):
        assert claim not in text
    assert said_of(LATENTS)[0]["weights_simulated"] is None


def test_what_finetuning_did_is_told(said_of):
    error = {"n_spec": 12, "measured_on_others": False, "noise_share": 0.9312}
    card = LATENTS | {"start": "finetune", "n_train": 35, "linear_corrected": False, "best_epoch": None}
    card |= {"calibration": error}
    figures, text = said_of(card | {"weights": SIMULATED})
    assert figures["calibration"] == error
    assert (figures["linear_corrected"], figures["weights_n_train"]) == (False, 213_000)
    assert "taught by 35 spectra of this run, after 213,000 simulated ones, in" in text
    assert "linear part was left as it was: held-out spectra are no likelier with a correction" in text
    assert "its network was kept: no epoch was better" in text
    assert "set with 12 held-out spectra and measured on the same ones" in text
    assert "of the noise that ivar promises 93.1 % is there" in text
    assert not figures["network_changed"]
    other = {
        "linear_corrected": True,
        "best_epoch": 3,
        "calibration": error | {"measured_on_others": True},
        "weights": OF_A_RUN,
    }
    text = said_of(card | other)[1]
    assert "after 9,000 of an earlier training, in" in text
    assert "may have learned from any spectra of this run" in text
    assert "linear part was corrected; its network was trained on." in text
    assert "held-out spectra and measured on others" in text
    figures, text = said_of({"start": "finetune", "weights": {"sha256": "ab" * 32}, "n_train": 35})  # an older card
    assert figures["linear_corrected"] is None
    assert figures["network_changed"] is None
    assert "taught by 35 spectra of this run in" in text


def test_seeds_that_were_not_compared_are_not_said_to_matter_nothing(said_of, tmp_path, monkeypatch):
    empty = tmp_path / "seeds.json"
    empty.write_text("{}")
    monkeypatch.setattr("oddqso.reports.training._SEEDS", empty)
    figures, text = said_of({})
    assert figures["seed_stability"]["rank_correlation"] is None
    assert "How far other seeds agree is not measured yet." in text
    assert "nothing depends on one" not in text


def test_a_run_says_that_seeds_were_compared_elsewhere(said_of):
    figures, text = said_of({})
    told = figures["seed_stability"]
    assert 0 < told["rank_correlation_min"] <= told["rank_correlation"] < 1
    assert "not tried in a run. Of the recipe: 3 small models from scratch" in text
    figures, text = said_of(PRETRAINED)
    assert figures["seed_stability"]["rank_correlation"] is None
    assert "Here nothing depends on one" in text


def test_the_errors_against_both_truths_are_told_where_they_are_known(results, written):
    rows = written[1]["truth"]["reconstruction"]
    assert rows
    for row in rows:
        assert 0.02 / 1.02 <= row["error"] < 0.024  # the root mean square of a spectrum is above its mean
        assert 0.02 < row["light"] < 0.04
        assert 0.05 <= row["calibration"] < 0.06
    assert "From the light: that from the light of the quasar" in " ".join(read(written[0]).text.split())


def test_true_classes_are_counted_where_they_are_known(results, written):
    figures = written[1]["truth"]
    assert figures["n_odd"] + figures["n_ordinary"] == results.catalog.num_rows
    assert sum(row["n"] for row in figures["classes"]) <= figures["n_odd"]
    assert np.isfinite(figures["completeness"]["SCORE"])


def test_a_folder_that_cannot_be_made_is_said_so(results, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the report"):
        write_report(results, tmp_path / "file", PARAMS)
