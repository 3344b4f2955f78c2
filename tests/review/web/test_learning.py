"""Learning over the web: what is told, what is withheld, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from oddqso.review.learning.features import catalog_features
from oddqso.review.learning.learner import Learner
from oddqso.review.learning.params import LearningParams


@pytest.fixture
def learning(room):
    learner = Learner(room.source, room.store, LearningParams(refresh_every=5))
    learner.take_features(catalog_features(room.source.columns))
    learner.start()
    yield replace(room, learner=learner)
    learner.close()


def judge(person, room, n, verdict="ANOMALY"):
    for k, target_id in enumerate(room.source.target_id[:n].tolist()):
        word = verdict if k % 2 else "ARTIFACT"
        body = {"client_id": f"{person.csrf[:8]}-{verdict}-{k:08d}", "target_id": str(target_id), "verdict": word}
        assert person.post("/verdicts", body).status_code == 201


def learn(person, room, scope="mine"):
    assert person.post("/learning/refresh", {"scope": scope}).status_code == 202
    learner = room.learner
    assert learner.wait(None if scope == "shared" else "ben", finished=True) is not None


def test_verdicts_are_learned_and_told(learning, sign_in):
    ben = sign_in(learning, "ben")
    judge(ben, learning, 30)
    learn(ben, learning)
    told = ben.get("/learning").json()
    assert told["status"]["result"]["n_labels"] == 30
    assert told["status"]["result"]["n_interesting"] == 15
    assert told["looks"][-1] == {"looks": 30, "interesting": 15}
    assert len(told["report"]["held_out"]) == 30
    assert all(isinstance(one["target_id"], str) for one in told["report"]["held_out"])


def test_the_queue_learned_offers_what_has_no_verdict(learning, sign_in):
    ben = sign_in(learning, "ben")
    judge(ben, learning, 12)
    learn(ben, learning)
    offered = ben.get("/next?queue=learned&n=100").json()["items"]
    assert len(offered) == 100
    assert not set(offered) & {str(one) for one in learning.source.target_id[:12].tolist()}
    item = ben.get("/queues/learned?limit=1").json()["items"][0]
    assert item["interest"] is not None
    assert item["uncertainty"] > 0
    shown = ben.get(f"/objects/{item['target_id']}").json()["prediction"]
    assert shown["interest"] == item["interest"]


def test_whose_verdicts_teach_is_a_choice(learning, sign_in):
    ada, ben = sign_in(learning, "ada"), sign_in(learning, "ben")
    judge(ada, learning, 20)
    assert ben.get("/learning").json()["scope"] == "mine"
    assert ben.post("/learning/scope", {"scope": "shared"}).status_code == 200
    learn(ben, learning, "shared")
    told = ben.get("/learning").json()
    assert told["scope"] == "shared"
    assert told["status"]["result"]["n_labels"] == 20


def test_blind_it_tells_nothing_of_objects_that_one_has_not_judged(learning, sign_in, blind_room):
    blind = replace(learning, params=blind_room.params)
    ada, ben = sign_in(blind, "ada"), sign_in(blind, "ben")
    judge(ada, blind, 24)
    ben.post("/learning/scope", {"scope": "shared"})
    learn(ben, blind, "shared")
    assert {one["target_id"] for one in ben.get("/learning").json()["report"]["held_out"]} == {None}
    target_id = blind.source.target_id[50]
    assert ben.get(f"/objects/{target_id}").json()["prediction"] is None


def test_a_filter_may_ask_for_predicted_interest(learning, sign_in):
    ben = sign_in(learning, "ben")
    judge(ben, learning, 20)
    learn(ben, learning)
    spec = {"order_by": "INTEREST", "filters": [{"column": "INTEREST", "op": ">", "value": 0.5}]}
    saved = ben.post("/filters", {"name": "promising", "spec": spec}).json()
    items = ben.get(f"/queues/{saved['queue']}?limit=200").json()["items"]
    interest = np.array([one["interest"] for one in items])
    assert len(interest)
    assert (interest > 0.5).all()
    assert (np.diff(interest) <= 0.001).all()


@pytest.mark.parametrize("body", [{"scope": "yours"}, {"scope": 1}, {"scope": "mine", "more": 1}, []])
def test_another_scope_is_refused(learning, sign_in, body):
    assert sign_in(learning, "ben").post("/learning/refresh", body).status_code == 422


def test_where_learning_is_off_there_is_nothing(room, sign_in):
    ben = sign_in(room, "ben")
    assert ben.get("/learning").status_code == 404
    assert ben.post("/learning/refresh", {"scope": "mine"}).status_code == 404
    item = ben.get("/queues/score?limit=1").json()["items"][0]
    assert item["interest"] is None


def test_a_failure_of_the_background_is_told(learning, sign_in, monkeypatch, caplog):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(type(learning.store), "labels", fail)
    ben = sign_in(learning, "ben")
    ben.post("/learning/scope", {"scope": "shared"})
    ben.post("/learning/refresh", {"scope": "shared"})
    learning.learner.wait(None)
    assert "no space left" in ben.get("/learning").json()["status"]["error"]
