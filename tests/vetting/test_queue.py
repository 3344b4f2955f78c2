import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from oddqso.errors import DataError
from oddqso.vetting.oracle import answer_key
from oddqso.vetting.params import VettingParams
from oddqso.vetting.queue import Pool, at_random, draw_batch, from_the_top, make_key

NONE = np.zeros(0, np.int64)


def pool(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.choice(["permissive", "strict"], n)
    return Pool(10 + np.arange(n), rng.exponential(size=n), rng.uniform(1, 9, n), rng.uniform(1, 4, n), group)


def batch(held, n, seed=0, seen=NONE, params=None):
    rng = np.random.default_rng(seed)
    rows = from_the_top(held, seen, n)
    draw = draw_batch(held, rows, held, seen, params or VettingParams(), rng)
    planted = [("felobal", 0.5)] * len(draw.hosts)
    return make_key(draw, held, None, held, planted, 1, rng)


def test_a_batch_asks_for_the_oddest_and_for_none_twice():
    held = pool()
    first = from_the_top(held, NONE, 30)
    assert set(held.score[first]) == set(np.sort(held.score)[-30:])
    second = from_the_top(held, held.target_id[first], 30)
    assert not set(first) & set(second)
    assert held.score[second].max() <= held.score[first].min()


def test_a_group_that_needs_no_more_looks_comes_last():
    held = pool()
    assert set(held.group[from_the_top(held, NONE, 50, {"strict"})]) == {"permissive"}


@pytest.mark.parametrize("n", [1, 8, 80, 300])
def test_a_tenth_is_planted_and_a_tenth_ordinary_at_least(n):
    kinds = batch(pool(4000), n)["KIND"].to_pylist()
    assert kinds.count("calibration") == n
    assert kinds.count("planted") >= 0.1 * len(kinds)
    assert kinds.count("ordinary") >= 0.1 * len(kinds)


def test_neither_name_nor_place_of_an_item_tells_its_kind():
    place, kinds = [], []
    for seed in range(40):
        key = batch(pool(), 80, seed)
        assert len(set(key["ITEM"].to_pylist())) == key.num_rows
        place += list(range(key.num_rows))
        kinds += [kind == "calibration" for kind in key["KIND"].to_pylist()]
        by_name = np.argsort(key["ITEM"].to_numpy())
        score = key["SCORE"].to_numpy()
        assert abs(np.corrcoef(np.argsort(by_name), score)[0, 1]) < 0.45
    assert abs(np.corrcoef(place, kinds)[0, 1]) < 0.06


def test_controls_are_alike_in_signal_to_noise_and_redshift_and_not_odd():
    held = pool(20_000)
    rng = np.random.default_rng(0)
    rows = from_the_top(held, NONE, 200)
    rows = rows[held.snr[rows] > 5]
    draw = draw_batch(held, rows, held, NONE, VettingParams(), rng)
    controls = np.concatenate([draw.ordinary, draw.hosts])
    assert held.snr[controls].min() > 4.5
    assert held.score[controls].max() < np.quantile(held.score, 0.85)
    assert len(set(controls)) == len(controls)
    assert not set(controls) & set(rows)


def test_the_same_seed_draws_the_same_batch():
    assert batch(pool(), 50, 3).equals(batch(pool(), 50, 3))
    assert not batch(pool(), 50, 3).equals(batch(pool(), 50, 4))


def test_an_audit_is_a_random_sample():
    held = pool()
    drawn = at_random(held, held.target_id[:500], 100, np.random.default_rng(0))
    assert len(set(drawn)) == 100
    assert drawn.min() >= 500
    assert abs(held.score[drawn].mean() - held.score.mean()) < 0.3


def test_nothing_to_ask_and_nothing_to_check_by_are_errors():
    held = pool(20)
    with pytest.raises(DataError, match="nothing left"):
        batch(held, 5, seen=held.target_id)
    with pytest.raises(DataError, match="controls"):
        draw_batch(held, np.arange(5), held, held.target_id, VettingParams(), np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong", [{"planted_share": 0.05}, {"ordinary_share": 0.0}, {"planted_share": 0.5, "ordinary_share": 0.5}]
)
def test_a_queue_cannot_be_drawn_with_too_few_controls(wrong):
    with pytest.raises(ValidationError):
        VettingParams(**wrong)


def test_the_oracle_errs_as_often_as_it_is_told():
    n = 4000
    target_id = np.arange(n)
    truth = {i: "" if i % 2 else "felobal" for i in range(n)}
    key = pa.table({
        "ITEM": [f"{i}" for i in range(n)], "TARGETID": target_id, "KIND": ["calibration"] * n, "CLASS": [""] * n,
    })  # fmt: skip

    def rates(**errors):
        answers = answer_key(key, truth, np.random.default_rng(1), **errors)
        odd = np.array([answer.verdict.odd for answer in answers])
        return float(np.mean(~odd[::2])), float(np.mean(odd[1::2]))

    assert rates() == (0.0, 0.0)
    assert rates(miss=0.2, false_alarm=0.05) == pytest.approx((0.2, 0.05), abs=0.03)
    assert rates(unsure=1.0) == (1.0, 0.0)
    with pytest.raises(DataError, match="rate"):
        rates(miss=1.5)
    with pytest.raises(DataError, match="not known"):
        answer_key(key, {}, np.random.default_rng(1))
