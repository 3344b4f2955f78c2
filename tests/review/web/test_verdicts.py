import pytest


def test_a_verdict_is_stored_and_comes_back(ada, verdict):
    sent = verdict(
        verdict="ANOMALY", subtype="felobal", interest=4, confidence=2, z=1.25, tags=["a", "b"], flagged=True
    )
    answer = ada.post("/verdicts", sent)
    assert answer.status_code == 201
    assert sent.items() <= answer.json().items()
    assert answer.json()["reviewer"] == "ada"
    told = ada.get(f"/objects/{sent['target_id']}").json()
    assert told["my_verdict"] == answer.json()


def test_the_same_verdict_again_is_stored_once(ada, verdict):
    sent = verdict()
    first, again = ada.post("/verdicts", sent), ada.post("/verdicts", sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(ada.get("/verdicts").json()["verdicts"]) == 1


def test_another_verdict_under_the_same_name_is_refused(ada, verdict):
    sent = verdict()
    ada.post("/verdicts", sent)
    answer = ada.post("/verdicts", sent | {"verdict": "ANOMALY"})
    assert answer.status_code == 409
    assert "verdict" in answer.json()["detail"]


def test_an_undone_verdict_gives_way_to_the_one_before(ada, verdict):
    first = verdict()
    second = verdict() | {"verdict": "ANOMALY"}
    ada.post("/verdicts", first)
    stored = ada.post("/verdicts", second).json()
    undone = ada.post(f"/verdicts/{stored['id']}/undo", {"client_id": "undo-000001"})
    assert undone.status_code == 201
    assert ada.get(f"/objects/{first['target_id']}").json()["my_verdict"]["verdict"] == "ORDINARY"
    back = ada.post(f"/verdicts/{undone.json()['id']}/undo", {"client_id": "undo-000002"})
    assert back.status_code == 201
    assert ada.get(f"/objects/{first['target_id']}").json()["my_verdict"]["verdict"] == "ANOMALY"


def test_what_another_said_cannot_be_undone(room, sign_in, ada, verdict):
    stored = ada.post("/verdicts", verdict()).json()
    answer = sign_in(room, "ben").post(f"/verdicts/{stored['id']}/undo", {"client_id": "undo-000001"})
    assert answer.status_code == 422
    assert ada.get(f"/objects/{stored['target_id']}").json()["my_verdict"] is not None


def test_two_reviewers_of_one_object_both_keep_their_verdict(room, sign_in, ada, verdict):
    ada.post("/verdicts", verdict())
    sign_in(room, "ben").post("/verdicts", verdict(verdict="ANOMALY"))
    told = ada.get(f"/objects/{verdict()['target_id']}").json()
    assert {one["reviewer"]: one["verdict"] for one in told["verdicts"]} == {"ada": "ORDINARY", "ben": "ANOMALY"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"verdict": "STRANGE"}, 422),
        ({"subtype": "felobal"}, 422),
        ({"interest": 6}, 422),
        ({"interest": "4"}, 422),
        ({"confidence": 0}, 422),
        ({"z": float("nan")}, 422),
        ({"target_id": "1"}, 404),
        ({"target_id": 39627}, 422),
        ({"target_id": "9" * 30}, 404),
        ({"target_id": "39627; DROP TABLE verdicts"}, 404),
        ({"client_id": "x"}, 422),
        ({"comment": "x" * 5000}, 422),
        ({"comment": "a\0b"}, 422),
        ({"comment": "\ud800"}, 422),
        ({"tags": ["\ud800"]}, 422),
        ({"color": "red"}, 422),
    ],
)
def test_a_wrong_verdict_is_refused_in_words(ada, verdict, wrong, status):
    import json

    body = json.dumps(verdict() | wrong)
    answer = ada.client.post(
        "/api/v1/verdicts", content=body, headers={"x-csrf-token": ada.csrf, "content-type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)
    assert ada.get("/verdicts").json()["verdicts"] == []


def test_the_log_is_read_in_parts(ada, verdict):
    for row in range(5):
        ada.post("/verdicts", verdict(row))
    first = ada.get("/verdicts?limit=3").json()
    rest = ada.get(f"/verdicts?since={first['last']}").json()
    assert [len(first["verdicts"]), len(rest["verdicts"])] == [3, 2]
    assert ada.get("/verdicts?reviewer=ben").json()["verdicts"] == []
