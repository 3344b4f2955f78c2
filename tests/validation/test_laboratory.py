import json

import numpy as np
import pyarrow as pa
import pytest

from oddqso.reports.efficiency_page import write_efficiency_page
from oddqso.validation.laboratory import laboratory
from oddqso.validation.params import EfficiencyParams, InjectParams
from oddqso.validation.plan import TWIN, Hosts, plan_injections, plan_twins
from oddqso.validation.planted import HeldOut

PARAMS = EfficiencyParams(n_ceiling=100)
SCALES = {"NARROW": (1, 4), "BROAD": (16, 128)}


def toy(names=("bal", "felobal", "narrow_feature"), n_host=2000, per_bin=100):
    """Scores that grow with the amplitude, of a run that never was."""
    rng = np.random.default_rng(1)
    planned = InjectParams(classes=names, per_bin=per_bin, n_twins=300)
    hosts = Hosts(np.arange(n_host), rng.uniform(1.6, 2.4, n_host), np.exp(rng.normal(0.5, 0.9, n_host)))
    noise = rng.standard_normal(n_host)
    held_out = HeldOut(
        hosts.target_id, hosts.snr, np.ones(n_host, bool), noise, {"NARROW": noise, "BROAD": noise},
        np.where(hosts.snr < 2, "faint", "bright"),
    )  # fmt: skip
    plan = pa.concat_tables([plan_injections(hosts, planned, rng), plan_twins(hosts, planned, rng)])
    place = plan["TARGETID"].to_numpy()
    twin = np.array([name == TWIN for name in plan["CLASS"].to_pylist()], bool)
    score = noise[place] + np.where(twin, 0.0, 2 * np.log(1 + plan["AMPLITUDE"].to_numpy()))
    injected = plan.append_column("HOST_Z", pa.array(hosts.z[place])).append_column("SCORE", pa.array(score))
    for name in SCALES:
        injected = injected.append_column(f"TAIL_{name}", pa.array(score))
    injected = injected.append_column("GROUP", pa.array(held_out.group[place]))
    alone = rng.standard_normal(len(place))
    probe = np.array([name.endswith("_feature") for name in plan["CLASS"].to_pylist()], bool)
    for name, answer in (("AT_PLACE", alone + plan["AMPLITUDE"].to_numpy()), ("HOST_AT_PLACE", alone)):
        injected = injected.append_column(name, pa.array(np.where(probe, answer, np.nan)))
    return injected, held_out, planned


def measure(injected, held_out, planned, tiers=None):
    return laboratory(injected, held_out, tiers or {}, planned, PARAMS, SCALES, {}, np.random.default_rng(2))


def test_efficiency_grows_with_the_amplitude():
    figures, selection = measure(*toy())
    for told in figures["classes"].values():
        shares = [cell["share"] for cell in told["by_cut"]["FPR 1%"]["amplitude"]]
        assert shares[-1] > shares[0]
        assert told["by_cut"]["FPR 1%"]["share"] >= told["by_cut"]["FPR 0.1%"]["share"]
    value, _, _ = selection.efficiency("bal", np.array([0.31, 0.99]), 3.0)
    assert value[1] > value[0]


def test_classes_held_back_and_probes_stand_apart():
    means = measure(*toy())[0]["mean"]["FPR 1%"]
    assert means["known"]["n_class"] == 1
    assert means["held_back"]["n_class"] == 1


def test_a_tiers_list_has_its_own_cut_in_each_group():
    injected, held_out, planned = toy()
    figures, selection = measure(injected, held_out, planned, {"gold": {"bright": 3.0}})
    score, group = injected["SCORE"].to_numpy(), np.array(injected["GROUP"].to_pylist())
    planted = np.array([name == "bal" for name in injected["CLASS"].to_pylist()])
    assert (
        figures["classes"]["bal"]["by_cut"]["gold"]["n_found"] == (planted & (group == "bright") & (score >= 3)).sum()
    )
    assert "gold" in selection.cuts


def test_what_has_no_score_is_not_found():
    injected, held_out, planned = toy()
    column = injected.column_names.index("SCORE")
    none = injected.set_column(column, "SCORE", pa.nulls(injected.num_rows, pa.float64()))
    figures, _ = measure(none, held_out, planned)
    assert figures["n_unscored"] == figures["n_injected"]
    assert figures["classes"]["bal"]["by_cut"]["FPR 1%"]["n_found"] == 0
    assert figures["twins"]["n"] == 0


@pytest.mark.parametrize(
    "names", [("bal", "felobal", "narrow_feature"), ("bal",), ("broad_feature",), ("coronal_lines",)]
)
def test_the_page_is_written_whatever_was_planted(names, tmp_path):
    """Coronal lines have no hosts at these redshifts: said, and no trouble."""
    injected, held_out, planned = toy(names, per_bin=20)
    figures, _ = measure(injected, held_out, planned)
    told = figures | {"provenance": dict.fromkeys(("input", "oddqso", "seed"), "x") | {"ordinary": "all", "hosts": "y"}}
    write_efficiency_page(told, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "What this run finds" in page
    assert ("Too few hosts" in page) == (names == ("coronal_lines",))
    json.dumps(figures, allow_nan=False)


def test_twins_of_pure_noise_are_as_many_as_the_spectra():
    injected, held_out, planned = toy()
    first = measure(injected, held_out, planned)[0]["twins"]["cuts"][0]
    assert first["n_twin"] == first["n_real"] == first["both"]
