import numpy as np
import pytest


def ids(source, rows):
    return [str(one) for one in source.columns["TARGETID"][rows]]


def test_queues_tell_how_much_there_is_and_what_is_left(ada, verdict):
    ada.post("/verdicts", verdict(0))
    told = {queue["name"]: queue for queue in ada.get("/queues").json()["queues"]}
    assert told["score"]["total"] == 120
    assert told["score"]["left"] == 119
    assert told["tier-gold"]["total"] == 10
    assert told["found-by-CHI2"]["total"] == 30
    assert told["flagged"]["total"] == 0


def test_a_queue_is_in_the_order_of_the_score(ada, source):
    answer = ada.get("/queues/score?offset=2&limit=3").json()
    assert answer["total"] == 120
    assert [item["target_id"] for item in answer["items"]] == ids(source, [2, 3, 4])
    assert [item["rank"] for item in answer["items"]] == [3, 4, 5]


def test_what_comes_next_follows_what_is_on_the_screen(ada, source):
    first = ada.get("/next?queue=score&n=2").json()["items"]
    assert first == ids(source, [0, 1])
    assert ada.get(f"/next?queue=score&after={first[-1]}&n=2").json()["items"] == ids(source, [2, 3])
    last = ids(source, [119])[0]
    assert ada.get(f"/next?queue=score&after={last}").json()["items"] == []


def test_one_goes_on_with_the_first_object_that_one_has_not_judged(room, ada, sign_in, source, verdict):
    for row in (0, 1, 3):
        ada.post("/verdicts", verdict(row))
    assert ada.get("/next?queue=score&n=2&fresh=true").json()["items"] == ids(source, [2, 4])
    assert ada.get("/next?queue=score&n=1").json()["items"] == ids(source, [0])
    assert sign_in(room, "ben").get("/next?queue=score&n=1&fresh=true").json()["items"] == ids(source, [0])


def test_the_place_in_a_queue_is_kept_when_an_object_leaves_it(ada, source, verdict):
    """A judged object leaves the queue; what comes after it still comes after it."""
    ada.post("/verdicts", verdict(5))
    assert ada.get(f"/next?queue=unlabeled&after={ids(source, [5])[0]}&n=2").json()["items"] == ids(source, [6, 7])
    assert ids(source, [5])[0] not in ada.get("/next?queue=unlabeled&n=20").json()["items"]


def test_marks_make_queues(room, ada, sign_in, source, verdict):
    ben = sign_in(room, "ben")
    ada.post("/verdicts", verdict(0, flagged=True))
    ben.post("/verdicts", verdict(0, verdict="ANOMALY"))
    ada.post("/assignments", {"reviewer": "ben", "target_ids": ids(source, [3, 4])})
    names = {"flagged": [0], "disagreements": [0]}
    for name, rows in names.items():
        assert [i["target_id"] for i in ada.get(f"/queues/{name}").json()["items"]] == ids(source, rows)
    assert [i["target_id"] for i in ben.get("/queues/assigned").json()["items"]] == ids(source, [3, 4])
    assert ada.get("/queues/assigned").json()["total"] == 0


def test_verdicts_of_another_process_are_seen(room, ada, source, verdict):
    from oddqso.review.store import NewVerdict, open_store

    assert ada.get("/queues/unlabeled").json()["total"] == 120
    other = open_store(room.store.database.engine.url.database)
    said = NewVerdict(client_id="another-process", target_id=int(ids(source, [0])[0]), verdict="ORDINARY")
    other.add_verdict(1, said)
    other.close()
    assert ada.get("/queues/unlabeled").json()["total"] == 119


def test_a_saved_filter_is_a_queue(room, ada, sign_in, source):
    spec = {"order_by": "Z", "descending": False, "filters": [{"column": "SNR", "op": ">", "value": 4}]}
    saved = ada.post("/filters", {"name": "bright", "spec": spec, "shared": True})
    assert saved.status_code == 201
    queue = saved.json()["queue"]
    wanted = np.flatnonzero(source.columns["SNR"] > 4)
    wanted = wanted[np.argsort(source.columns["Z"][wanted], kind="stable")]
    assert ada.get(f"/next?queue={queue}&n=5").json()["items"] == ids(source, wanted[:5])
    ben = sign_in(room, "ben")
    assert ben.get(f"/queues/{queue}").json()["total"] == len(wanted)
    assert ben.send("DELETE", f"/filters/{saved.json()['id']}").status_code == 422, "it is another's"
    assert ada.send("DELETE", f"/filters/{saved.json()['id']}").status_code == 204
    assert ada.get(f"/queues/{queue}").status_code == 422


@pytest.mark.parametrize(
    "spec",
    [
        {"order_by": "NONE"},
        {"filters": [{"column": "SNR", "op": "~", "value": 1}]},
        {"filters": [{"column": "SNR", "op": ">", "value": "x"}]},
        {"filters": [{"column": "SNR", "op": ">", "value": 10**400}]},
        {"filters": [{"column": "MINE", "op": ">", "value": True}]},
        {"filters": "all"},
        {"more": 1},
    ],
)
def test_a_filter_that_cannot_work_is_not_saved(ada, spec):
    answer = ada.post("/filters", {"name": "x", "spec": spec})
    assert answer.status_code == 422
    assert ada.get("/filters").json()["filters"] == []


@pytest.mark.parametrize("name", ["nothing", "filter-99", "selection-99", "filter-x"])
def test_a_queue_that_is_none_is_named(ada, name):
    answer = ada.get(f"/queues/{name}")
    assert answer.status_code in (404, 422)
    assert isinstance(answer.json()["detail"], str)


def test_a_lead_deals_the_first_of_a_queue(room, ada, sign_in, source):
    answer = ada.post("/assignments", {"reviewer": "ben", "queue": "found-by-CHI2", "n": 5})
    assert answer.json() == {"n_new": 5}
    assert ada.post("/assignments", {"reviewer": "nobody", "queue": "score", "n": 5}).status_code == 404
    assert ada.post("/assignments", {"reviewer": "ben"}).status_code == 422
    mine = sign_in(room, "ben").get("/assignments").json()["assignments"]
    assert {one["reviewer"] for one in mine} == {"ben"}
    assert len(mine) == 5


@pytest.mark.parametrize("value", [39_627_000_000_000_001, 3.9627e16, [39_627_000_000_000_001, "1"], ["1", 1.5], "1_0"])
def test_no_number_that_may_be_rounded_names_an_object(ada, value):
    spec = {"filters": [{"column": "TARGETID", "op": "in" if isinstance(value, list) else "==", "value": value}]}
    assert ada.post("/filters", {"name": "one", "spec": spec}).status_code == 422


def test_a_filter_names_an_object_by_text(ada, source):
    for row in (0, 1, 2):
        (wanted,) = ids(source, [row])
        for op, value in (("==", wanted), ("in", [wanted])):
            spec = {"filters": [{"column": "TARGETID", "op": op, "value": value}]}
            queue = ada.post("/filters", {"name": "one", "spec": spec}).json()["queue"]
            assert [one["target_id"] for one in ada.get(f"/queues/{queue}").json()["items"]] == [wanted]


@pytest.mark.parametrize("one", [
    {"column": "SELECTED", "op": "==", "value": True},
    {"column": "MINE", "op": "in", "value": [True]},
    {"column": "FLAGGED", "op": "known"},
])  # fmt: skip
def test_nobody_closes_the_list_of_queues_to_others(room, ada, sign_in, one):
    ben = sign_in(room, "ben")
    assert ben.post("/filters", {"name": "trap", "spec": {"filters": [one]}, "shared": True}).status_code == 422
    room.store.save_filter(room.store.reviewer("ben").id, "older trap", {"filters": [one]}, shared=True)
    told = {queue["title"]: queue["total"] for queue in ada.get("/queues").json()["queues"]}
    assert told["older trap"] == 0
    assert told["by score"] == 120
