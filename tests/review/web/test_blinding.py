"""What is withheld, is withheld by the server."""

import re

import numpy as np
import pytest

WITHHELD = re.compile(r"SCORE|TAIL_|RANK|P_VALUE|Q_VALUE|TIER|FDP_95|FOUND_BY|PEAK_|JOIN_|REDSHIFT_|GROUP|SPLIT")


@pytest.fixture
def blind(blind_room, sign_in):
    """Ben and eve in a blind room, who share one application."""
    from oddqso.review.app import create_app

    app = create_app(blind_room)
    return {name: sign_in(blind_room, name, app) for name in ("ada", "ben", "eve")}


def test_scores_and_words_come_after_ones_own_verdict(blind, verdict):
    sent = verdict()
    path = f"/objects/{sent['target_id']}"
    before = blind["ben"].get(path).json()
    assert before["blinded"] is True
    assert [name for name in before["facts"] if WITHHELD.search(name)] == []
    assert (before["words"], before["percentiles"], before["verdicts"]) == ([], {}, [])
    assert blind["ben"].get(f"{path}/spectrum").json()["peaks"] == []
    assert blind["ben"].get(f"{path}/neighbors").json() == {"ordinary": [], "odd": [], "blinded": True}
    blind["ben"].post("/verdicts", sent)
    after = blind["ben"].get(path).json()
    assert after["blinded"] is False
    assert after["facts"]["SCORE"] is not None
    assert after["percentiles"]


def test_others_verdicts_come_after_ones_own(blind, verdict):
    sent = verdict(comment="a secret")
    blind["ada"].post("/verdicts", sent)
    eve = blind["eve"]
    for path in (
        f"/objects/{sent['target_id']}",
        "/verdicts",
        f"/verdicts?target_id={sent['target_id']}",
        "/verdicts?reviewer=ada",
        "/counts",
        "/queues/score?limit=200",
    ):
        assert "a secret" not in eve.get(path).text
        assert "ada" not in eve.get(path).text
    eve.post("/verdicts", verdict())
    assert "a secret" in eve.get(f"/objects/{sent['target_id']}").text


def test_undoing_ones_verdict_blinds_again(blind, verdict):
    stored = blind["ben"].post("/verdicts", verdict()).json()
    blind["ben"].post(f"/verdicts/{stored['id']}/undo", {"client_id": "undo-000001"})
    assert blind["ben"].get(f"/objects/{stored['target_id']}").json()["blinded"] is True


def test_tables_withhold_scores_too(blind, verdict):
    blind["ben"].post("/verdicts", verdict(0))
    items = blind["ben"].get("/queues/score?limit=200").json()["items"]
    told = {item["target_id"]: item for item in items}
    seen = told.pop(verdict(0)["target_id"])
    assert seen["score"] is not None
    assert all(item[name] is None for item in told.values() for name in ("score", "rank", "tier", "found_by"))


@pytest.mark.parametrize("name", ["tier-gold", "found-by-CHI2", "disagreements", "tier"])
def test_queues_that_tell_of_scores_are_closed(blind, name):
    assert blind["ben"].get(f"/queues/{name}").status_code == 422
    assert blind["ben"].get(f"/next?queue={name}").status_code == 422
    assert name not in {queue["name"] for queue in blind["ben"].get("/queues").json()["queues"]}
    assert blind["ada"].get(f"/queues/{name}").status_code == 200, "a lead deals objects out"


def test_no_filter_sorts_or_cuts_by_what_is_withheld(blind):
    for spec in (
        {"order_by": "P_VALUE"},
        {"filters": [{"column": "SCORE", "op": ">", "value": 3}]},
        {"filters": [{"column": "OTHERS", "op": "==", "value": True}]},
        {"filters": [{"column": "FOUND_BY", "op": "has", "value": "CHI2"}]},
    ):
        saved = blind["ben"].post("/filters", {"name": "peek", "spec": spec})
        if saved.status_code == 201:
            assert blind["ben"].get(f"/queues/{saved.json()['queue']}").status_code == 422
    spec = {"order_by": "Z", "filters": [{"column": "SNR", "op": ">", "value": 2}]}
    saved = blind["ben"].post("/filters", {"name": "bright", "spec": spec})
    assert blind["ben"].get(f"/queues/{saved.json()['queue']}").status_code == 200


def test_each_reviewer_has_an_order_of_ones_own_and_keeps_it(blind, source):
    orders = {name: blind[name].get("/next?queue=score&n=100").json()["items"] for name in ("ben", "eve")}
    assert orders["ben"] != orders["eve"]
    assert orders["ben"] == blind["ben"].get("/next?queue=score&n=100").json()["items"]
    assert set(orders["ben"]) <= {str(one) for one in source.columns["TARGETID"]}


def test_going_through_a_blind_queue_meets_everything_once(blind, source):
    met, place = [], ""
    while items := blind["ben"].get(f"/next?queue=score&n=30{place}").json()["items"]:
        met += items
        place = f"&after={items[-1]}"
    assert sorted(met) == sorted(str(one) for one in source.columns["TARGETID"])


def test_gold_items_are_mixed_in_and_look_like_any_other(blind, source, verdict):
    gold = [str(one) for one in source.columns["TARGETID"][-3:]]
    for target_id in gold:
        blind["ada"].post("/gold", {"target_id": target_id, "verdict": "ANOMALY"})
    blind["ada"].post("/assignments", {"reviewer": "ben", "queue": "score", "n": 10})
    items = blind["ben"].get("/queues/assigned?limit=100").json()["items"]
    met = [item["target_id"] for item in items]
    assert len(met) == 13
    assert set(gold) <= set(met)
    assert met[-3:] != gold
    fields = {target_id: set(blind["ben"].get(f"/objects/{target_id}").json()) for target_id in met}
    assert len({frozenset(names) for names in fields.values()}) == 1
    assert "gold" not in blind["ben"].get("/queues/assigned?limit=100").text
    assert blind["ben"].get("/gold").status_code == 403
    listed = blind["ben"].get("/assignments")
    assert listed.json() == {"n": 10, "n_done": 0}, "a list would show which were mixed in"


def test_gold_items_meet_everybody_early(blind, source):
    gold = source.columns["TARGETID"][-5:]
    for target_id in gold:
        blind["ada"].post("/gold", {"target_id": str(target_id), "verdict": "ORDINARY"})
    for name in ("ben", "eve"):
        order = [int(one) for one in blind[name].get("/next?queue=unlabeled&n=40").json()["items"]]
        assert np.isin(gold, order).all(), "five among the first twenty or so, at a share of a quarter"


def test_nothing_is_withheld_on_a_laptop(laptop, sign_in):
    from dataclasses import replace

    from oddqso.review.params import ReviewParams

    assert not replace(laptop, params=ReviewParams()).blind
    assert replace(laptop, params=ReviewParams(blind=True)).blind
