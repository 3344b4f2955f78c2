import numpy as np
import pyarrow.compute as pc
import pytest

from oddqso.errors import ConfigError
from oddqso.simulation.injections import HELD_BACK, INJECTIONS, injection_named
from oddqso.simulation.probes import PROBES
from oddqso.validation.params import InjectParams
from oddqso.validation.plan import Hosts, amplitude_range, chosen, plan_injections, plan_twins, snr_bin

RNG = np.random.default_rng(5)
HOSTS = Hosts(np.arange(100, 1100), RNG.uniform(0.2, 4.0, 1000), np.exp(RNG.normal(0.5, 0.9, 1000)))


def plan(**params):
    return plan_injections(HOSTS, InjectParams(**params), np.random.default_rng(1))


def test_each_class_gets_as_many_in_each_bin():
    made = plan(classes=("bal", "cosmic_ray"), per_bin=30)
    for name in ("bal", "cosmic_ray"):
        bins = made.filter(pc.equal(made["CLASS"], name))["SNR_BIN"].to_numpy()
        assert np.bincount(bins).tolist() == [30, 30, 30, 30]


def test_hosts_fit_the_class_and_the_bin():
    z, snr = (dict(zip(HOSTS.target_id.tolist(), v.tolist(), strict=True)) for v in (HOSTS.z, HOSTS.snr))
    params = InjectParams(per_bin=7)
    for row in plan(per_bin=7).to_pylist():
        injection = injection_named(row["CLASS"])
        assert injection.z_min <= z[row["TARGETID"]] <= injection.z_max
        assert snr_bin(np.array([snr[row["TARGETID"]]]), params)[0] == row["SNR_BIN"]
        low, high = amplitude_range(injection)
        assert low <= row["AMPLITUDE"] <= high


def test_amplitudes_fill_the_range_evenly_in_the_logarithm():
    amplitude = plan(classes=("cosmic_ray",), per_bin=100)["AMPLITUDE"].to_numpy()
    place = np.log(amplitude / 10) / np.log(10)
    assert np.bincount((place * 10).astype(int), minlength=10).tolist() == [40] * 10


def test_a_host_comes_again_only_when_all_have_come():
    made = plan(classes=("dla",), per_bin=150, snr_edges=())
    _, counts = np.unique(made["TARGETID"].to_numpy(), return_counts=True)
    assert counts.max() - counts.min() <= 1


def test_few_hosts_give_fewer_injections_and_none_give_none():
    few = Hosts(np.arange(4), np.array([2.0, 2.0, 2.0, 0.2]), np.full(4, 3.0))
    params = InjectParams(classes=("bal", "coronal_lines"), per_bin=100, max_reuse=5)
    names = plan_injections(few, params, np.random.default_rng(1))["CLASS"].to_pylist()
    assert names.count("bal") == 15
    assert names.count("coronal_lines") == 5
    nobody = Hosts(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    assert plan_injections(nobody, params, np.random.default_rng(1)).num_rows == 0


def test_leaving_classes_out_changes_no_other():
    alone, together = plan(classes=("blend",), per_bin=9), plan(per_bin=9)
    assert alone.equals(together.filter(pc.equal(together["CLASS"], "blend")).combine_chunks())


def test_probes_stand_at_the_asked_significances_too():
    made = plan(classes=("narrow_feature",), per_bin=11, probe_sigmas=(3.0, 6.0))
    sigma = made["AMPLITUDE"].to_numpy()
    assert [(sigma == value).sum() for value in (3.0, 6.0)] == [44, 44]
    assert made.num_rows == 3 * 44


def test_an_unknown_class_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match=r"no injection class 'blazar'; choose from bal, .*narrow_feature"):
        chosen(InjectParams(classes=("bal", "blazar")))


def test_twins_are_each_host_once_at_most():
    assert len(set(plan_twins(HOSTS, InjectParams(n_twins=300), RNG)["TARGETID"].to_pylist())) == 300
    assert plan_twins(HOSTS, InjectParams(n_twins=3000), RNG).num_rows == 1000
    assert plan_twins(HOSTS, InjectParams(n_twins=0), RNG).num_rows == 0


def test_the_classes_held_back_exist_and_are_of_several_kinds():
    assert len(set(HELD_BACK)) >= 6
    assert len({injection_named(name).kind for name in HELD_BACK}) >= 2


def test_probes_are_no_part_of_a_simulated_survey():
    assert not set(PROBES) & set(INJECTIONS)
