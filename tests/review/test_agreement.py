import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from oddqso.review.agreement import (
    cohen_kappa,
    disagreements,
    fleiss_kappa,
    group_agreement,
    pair_agreements,
    skills,
)

PAIR = np.array([[0.40, 0.05, 0.05], [0.10, 0.15, 0.05], [0.02, 0.08, 0.10]])


def table(said):
    """A table of verdicts from ``{reviewer: {target_id: word}}``."""
    rows = [(target_id, name, word) for name, one in said.items() for target_id, word in one.items()]
    columns = list(zip(*sorted(rows), strict=True)) or [[], [], []]
    return pa.table(dict(zip(("TARGETID", "REVIEWER", "VERDICT"), map(list, columns), strict=True)))


@given(counts=arrays(np.int64, (3, 3), elements=st.integers(0, 30)))
@settings(max_examples=60, deadline=None)
def test_cohen_is_what_scikit_learn_says_whoever_comes_first(counts):
    told = cohen_kappa(counts)
    first, second = (np.repeat(np.indices((3, 3))[axis].ravel(), counts.ravel()) for axis in (0, 1))
    if told.kappa is None:
        assert counts.sum() == 0 or len(np.unique(np.r_[first, second])) == 1
        return
    assert told.kappa == pytest.approx(cohen_kappa_score(first, second))
    assert told.low <= told.kappa <= told.high
    turned = cohen_kappa(counts.T)
    assert (turned.kappa, turned.error) == (pytest.approx(told.kappa), pytest.approx(told.error, abs=1e-9))


def test_the_error_of_cohen_is_the_spread_of_many_samples():
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(400, PAIR.ravel(), size=3000).reshape(-1, 3, 3)
    told = [cohen_kappa(one) for one in drawn]
    spread = np.std([one.kappa for one in told])
    assert np.mean([one.error for one in told]) == pytest.approx(spread, rel=0.05)
    truth = cohen_kappa((PAIR * 1_000_000).astype(np.int64)).kappa
    covered = np.mean([one.low <= truth <= one.high for one in told])
    assert 0.93 < covered < 0.97


def test_the_error_of_cohen_is_the_published_one():
    """The example of Fleiss, Cohen & Everitt 1969: kappa 0.429, its variance 0.002885."""
    told = cohen_kappa(np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]]))
    assert told.kappa == pytest.approx(0.429, abs=5e-4)
    assert told.error**2 == pytest.approx(0.002885, abs=5e-6)


def draw_group(rng, n_objects):
    """Up to five reviewers an object, each right with 70 %."""
    truth = rng.integers(0, 3, n_objects)
    counts = np.zeros((n_objects, 3), dtype=np.int64)
    for _ in range(5):
        said = np.where(rng.random(n_objects) < 0.7, truth, rng.integers(0, 3, n_objects))
        judged = rng.random(n_objects) < 0.6
        np.add.at(counts, (np.flatnonzero(judged), said[judged]), 1)
    return counts


def test_the_error_of_fleiss_is_the_spread_of_many_samples_also_with_unequal_numbers():
    rng = np.random.default_rng(2)
    told = [fleiss_kappa(draw_group(rng, 200)) for _ in range(600)]
    spread = np.std([one.kappa for one in told])
    assert np.mean([one.error for one in told]) == pytest.approx(spread, rel=0.08)
    truth = fleiss_kappa(draw_group(rng, 200_000)).kappa
    assert 0.92 < np.mean([one.low <= truth <= one.high for one in told]) < 0.98


def test_perfect_agreement_is_one_and_chance_is_zero():
    assert cohen_kappa(np.diag([5, 7])).kappa == 1
    assert cohen_kappa(np.diag([5, 7])).error == 0
    assert fleiss_kappa(np.array([[3, 0], [0, 2], [4, 0]])).kappa == pytest.approx(1)
    assert cohen_kappa(np.outer([6, 4], [3, 7])).kappa == pytest.approx(0, abs=1e-12)
    rng = np.random.default_rng(3)
    blind = rng.multinomial(4, [0.5, 0.3, 0.2], size=20_000)
    assert fleiss_kappa(blind).kappa == pytest.approx(0, abs=4 * fleiss_kappa(blind).error)


def test_without_a_choice_kappa_is_not_defined():
    for told in (cohen_kappa(np.array([[9, 0], [0, 0]])), fleiss_kappa(np.array([[3, 0], [2, 0]]))):
        assert (told.observed, told.kappa, told.error, told.low, told.high) == (1.0, None, None, None, None)
    assert cohen_kappa(np.zeros((2, 2), dtype=np.int64)).n == 0
    assert fleiss_kappa(np.zeros((0, 0), dtype=np.int64)).observed is None
    assert group_agreement(table({})).n == 0
    assert pair_agreements(table({})) == {}
    assert skills(table({}), {}) == []


def test_one_object_has_a_kappa_without_an_error():
    told = fleiss_kappa(np.array([[1, 1]]))
    assert (told.n, told.kappa, told.error) == (1, -1.0, None)


def test_with_two_reviewers_and_the_same_habits_both_kappas_agree():
    rng = np.random.default_rng(4)
    both = rng.multinomial(100_000, ((PAIR + PAIR.T) / 2).ravel()).reshape(3, 3)
    first, second = (np.repeat(np.indices((3, 3))[axis].ravel(), both.ravel()) for axis in (0, 1))
    counts = np.eye(3, dtype=np.int64)[first] + np.eye(3, dtype=np.int64)[second]
    assert fleiss_kappa(counts).kappa == pytest.approx(cohen_kappa(both).kappa, abs=1e-3)
    assert fleiss_kappa(counts).error == pytest.approx(cohen_kappa(both).error, rel=0.02)


def test_the_undecided_neither_agree_nor_contradict():
    said = {"ada": {1: "KNOWN", 2: "ANOMALY", 3: "UNSURE"}, "bob": {1: "KNOWN", 2: "ANOMALY", 3: "ARTIFACT"}}
    assert pair_agreements(table(said))["ada", "bob"].n == 2
    assert group_agreement(table(said)).n == 2
    assert disagreements(table(said)) == []


def test_only_those_with_a_common_object_are_a_pair():
    said = {"ada": {1: "KNOWN"}, "bob": {2: "KNOWN"}, "cleo": {1: "ARTIFACT", 2: "KNOWN"}}
    assert list(pair_agreements(table(said))) == [("ada", "cleo"), ("bob", "cleo")]


def test_kinds_do_not_count_where_only_odd_or_not_does():
    said = {"ada": {1: "ANOMALY", 2: "KNOWN"}, "bob": {1: "ARTIFACT", 2: "ORDINARY"}}
    assert pair_agreements(table(said))["ada", "bob"].observed == 0
    assert pair_agreements(table(said), odd_only=True)["ada", "bob"].kappa == 1
    assert group_agreement(table(said), odd_only=True).kappa == 1


def test_skill_counts_misses_and_false_alarms_with_intervals_that_hold():
    truth = {number: "ANOMALY" if number < 40 else "ORDINARY" for number in range(100)} | {200: "UNSURE"}
    ada = {number: truth[number] for number in range(100)}
    ada |= {0: "KNOWN", 1: "ORDINARY", 2: "ARTIFACT", 3: "UNSURE", 50: "WRONG_REDSHIFT", 200: "ANOMALY", 300: "KNOWN"}
    (told,) = skills(table({"ada": ada}), truth)
    assert (told.reviewer, told.n_unsure) == ("ada", 1)
    assert (told.right.n_found, told.right.n) == (95, 99)
    assert (told.missed.n_found, told.missed.n) == (2, 39)
    assert (told.false_alarms.n_found, told.false_alarms.n) == (1, 60)
    for share in (told.right, told.missed, told.false_alarms):
        assert 0 < share.low < share.rate < share.high < 1


def test_where_nothing_was_asked_a_share_is_unknown():
    (told,) = skills(table({"ada": {1: "KNOWN"}}), {1: "KNOWN"})
    assert (told.missed.rate, told.missed.low, told.missed.high) == (None, 0.0, 1.0)


def test_contradictions_come_the_gravest_first_and_leave_when_settled():
    said = {
        "ada": {1: "ANOMALY", 2: "KNOWN", 3: "KNOWN", 4: "KNOWN", -5: "ANOMALY"},
        "bob": {1: "ARTIFACT", 2: "ANOMALY", 3: "KNOWN", 4: "ORDINARY", -5: "KNOWN"},
        "cleo": {4: "ORDINARY", -5: "UNSURE"},
    }
    told = disagreements(table(said))
    assert [one.target_id for one in told] == [-5, 2, 4, 1]
    assert told[0].verdicts == {"ada": "ANOMALY", "bob": "KNOWN", "cleo": "UNSURE"}
    assert [one.target_id for one in disagreements(table(said), settled={2, 4})] == [-5, 1]


def test_they_take_what_the_store_gives(tmp_path):
    from oddqso.review.store import NewVerdict, open_store

    store = open_store(tmp_path / "review.sqlite")
    for name, word in (("ada", "ANOMALY"), ("bob", "KNOWN")):
        said = NewVerdict(client_id=f"entry-of-{name}", target_id=-(2**63), verdict=word)
        store.add_verdict(store.add_reviewer(name).id, said)
    store.set_gold(-(2**63), "ANOMALY", None, "ada")
    truth = {item.target_id: item.verdict for item in store.gold()}
    assert [one.right.rate for one in skills(store.first_verdicts(), truth)] == [1.0, 0.0]
    assert disagreements(store.current())[0].target_id == -(2**63)
    assert group_agreement(store.first_verdicts()).n == 1
    store.close()
