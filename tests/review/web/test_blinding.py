"""What is withheld, is withheld by the server."""

import re
from dataclasses import replace

import numpy as np
import pytest

from oddqso.review.params import ReviewParams
from oddqso.review.source import open_source

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
    assert listed.json() == {"n": 13, "n_done": 0}, "a list would show which were mixed in"


def test_gold_items_do_not_stand_alone_in_an_empty_queue(blind, source):
    spread_gold(blind, source)
    assert blind["ben"].get("/queues/assigned").json()["items"] == []
    listed = blind["ben"].get("/queues").json()["queues"]
    assert next(one["total"] for one in listed if one["name"] == "assigned") == 0


def test_gold_items_meet_everybody_early(blind, source):
    gold = source.columns["TARGETID"][-5:]
    for target_id in gold:
        blind["ada"].post("/gold", {"target_id": str(target_id), "verdict": "ORDINARY"})
    for name in ("ben", "eve"):
        order = [int(one) for one in blind[name].get("/next?queue=unlabeled&n=40").json()["items"]]
        assert np.isin(gold, order).all(), "five among the first twenty or so, at a share of a quarter"


def spread_gold(blind, source, n=3):
    """The last objects of the list as gold items, by TARGETID."""
    gold = [str(one) for one in source.columns["TARGETID"][-n:]]
    for target_id in gold:
        blind["ada"].post("/gold", {"target_id": target_id, "verdict": "ANOMALY"})
    return gold


def listed_by(person, **spec):
    """TARGETIDs of a filter as somebody sees it."""
    queue = person.post("/filters", {"name": "a filter", "spec": spec}).json()["queue"]
    return [item["target_id"] for item in person.get(f"/queues/{queue}?limit=1000").json()["items"]]


@pytest.mark.parametrize("column", ["SCORE", "SURVEY"])
def test_no_filter_compares_two_scores(blind_room, source, sign_in, column):
    room = replace(blind_room, params=ReviewParams(blind=True, gold_share=0, shuffle_block=20))
    ben, ids = sign_in(room, "ben"), source.columns["TARGETID"].tolist()
    block = set(map(str, ids[20:40]))  # of which the queue `score` does not tell the order
    told = 0
    for k in range(20, 39):
        wanted = [str(one) for one in (*ids[:19], ids[k], ids[k + 1])]
        met = listed_by(ben, order_by=column, filters=[{"column": "TARGETID", "op": "in", "value": wanted}])
        assert sorted(met) == sorted(wanted)
        told += [one for one in met if one in block] == wanted[-2:]
    assert 2 < told < 17, "as often right as wrong"


def test_no_filter_shows_which_objects_are_mixed_in(blind, source):
    gold = spread_gold(blind, source)
    ben = blind["ben"]
    queue = [item["target_id"] for item in ben.get("/queues/score?limit=1000").json()["items"]]
    assert listed_by(ben, filters=[]) == queue
    assert listed_by(ben, descending=False, filters=[]) == queue[::-1]
    few = {*queue[:30], *gold}
    some = listed_by(ben, filters=[{"column": "TARGETID", "op": "in", "value": sorted(few)}])
    assert some == [one for one in queue if one in few]
    by_z = [source.columns["Z"][int(one) - int(source.columns["TARGETID"][0])] for one in listed_by(ben, order_by="Z")]
    assert by_z == sorted(by_z, reverse=True)
    spec = {"filters": [{"column": "ASSIGNED", "op": "==", "value": True}]}
    saved = ben.post("/filters", {"name": "dealt", "spec": spec}).json()
    assert ben.get(f"/queues/{saved['queue']}").status_code == 422


def test_no_count_shows_which_objects_are_mixed_in(blind, source, verdict):
    spread_gold(blind, source, 1)
    blind["ada"].post("/assignments", {"reviewer": "ben", "queue": "score", "n": 10})
    ben = blind["ben"]
    for done, row in enumerate((source.n - 1, 0), start=1):
        ben.post("/verdicts", verdict(row))
        assert ben.get("/assignments").json() == {"n": 11, "n_done": done}
    assert ben.get("/agreement").json()["gold"] == []
    assert [one["reviewer"] for one in blind["ada"].get("/agreement").json()["gold"]] == ["ben"]


def test_who_looks_and_takes_back_is_measured_by_the_first_verdict(blind, source, verdict):
    spread_gold(blind, source, 1)
    ben, said = blind["ben"], verdict(source.n - 1, verdict="ORDINARY")
    stored = ben.post("/verdicts", said).json()
    ben.post(f"/verdicts/{stored['id']}/undo", {"client_id": "undo-000001"})
    ben.post("/verdicts", verdict(source.n - 1, verdict="ANOMALY"))
    (told,) = blind["ada"].get("/agreement").json()["gold"]
    assert told["right"]["n_found"] == 0


def test_nothing_tells_that_somebody_else_judged_an_object(blind, verdict):
    sent, other = verdict(0), verdict(1)
    asked = [f"/verdicts?target_id={one['target_id']}{more}" for one in (sent, other) for more in ("", "&reviewer=ada")]
    before = [blind["eve"].get(path).json() for path in asked]
    blind["ada"].post("/verdicts", sent)
    assert [blind["eve"].get(path).json() for path in asked] == before
    blind["eve"].post("/verdicts", verdict(0))
    assert [one["reviewer"] for one in blind["eve"].get(asked[0]).json()["verdicts"]] == ["ada", "eve"]
    assert blind["eve"].get(asked[0]).json()["last"] == 2


def test_neighbors_tell_of_what_one_has_judged_alone(blind_room, mapped_run, made_views, sign_in, verdict):
    room = replace(blind_room, source=open_source(mapped_run, made_views))
    ben = sign_in(room, "ben")
    ben.post("/verdicts", verdict(0))
    path = f"/objects/{verdict(0)['target_id']}/neighbors?k=50"
    assert ben.get(path).json() == {"ordinary": [], "odd": [], "blinded": False}
    for row in range(1, 120):
        ben.post("/verdicts", verdict(row))
    assert ben.get(path).json()["odd"]


def test_nothing_is_withheld_on_a_laptop(laptop, sign_in):
    assert not replace(laptop, params=ReviewParams()).blind
    assert replace(laptop, params=ReviewParams(blind=True)).blind
