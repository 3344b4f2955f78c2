"""The background: what readers see while it works, and when it fails."""

import threading

import numpy as np
import pytest

from oddqso.review.learning import learner as learner_module
from oddqso.review.learning.learner import Learner
from oddqso.review.learning.params import LearningParams

from .conftest import Said

PARAMS = LearningParams(screen_rows=400, refresh_every=5)


@pytest.fixture
def learner(source, store, world):
    made = Learner(source, store, PARAMS)
    made.take_features(world.features)
    made.start()
    yield made
    made.close()


def _say(store, world, rows, reviewer="ada"):
    store.say(reviewer, *(Said(1000 + int(r), "ANOMALY" if world.interesting[r] else "ARTIFACT") for r in rows))


def test_predictions_come_for_all_objects_with_a_report(learner, store, world):
    _say(store, world, range(0, 3000, 20))
    learner.refresh()
    found = learner.wait(finished=True)
    assert found is not None
    assert found.judgment.complete
    assert len(found.labels) == 150
    assert found.report.ranking(3.0) > 0.8
    interest, sigma = learner.predict([1000, 1001, 5])
    assert np.isfinite(interest).tolist() == [True, True, False]
    assert np.isfinite(sigma).tolist() == [True, True, False]
    assert not np.isin(learner.ranked(), found.labels.target_id).any()
    assert learner.status()["state"] == "idle"


def test_without_a_label_nothing_is_predicted(learner):
    learner.refresh()
    assert learner.wait(finished=True) is not None
    assert np.isnan(learner.predict([1000])).all()


def test_one_reviewer_does_not_teach_another(learner, store, world):
    good = np.flatnonzero(world.interesting)
    store.say("ada", *(Said(1000 + int(r), "ANOMALY") for r in good[:30]))
    store.say("ben", *(Said(1000 + int(r), "ORDINARY") for r in good[:30]))
    for who in ("ada", "ben"):
        learner.refresh(who)
        learner.wait(who, finished=True)
    others = (1000 + good[30:]).tolist()
    assert learner.predict(others, "ada")[0].mean() > learner.predict(others, "ben")[0].mean() + 1


def test_a_reviewer_chooses_whose_ranking_to_follow(learner):
    assert learner.scope_of("ada") == "ada"
    learner.choose("ada", shared=True)
    assert learner.scope_of("ada") is None
    assert learner.scope_of("ben") == "ben"


def test_readers_never_see_half_a_result(learner, store, world):
    learner.refresh()
    learner.wait()
    wrong, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            columns = learner.columns()
            offered, promise = learner.offered(), columns["PROMISE"]
            if len(np.unique(offered)) != len(offered) or promise.shape != (3000,):
                wrong.append(len(offered))
            if not (np.isfinite(columns["INTEREST"]) == np.isfinite(columns["INTEREST_SIGMA"])).all():
                wrong.append("half")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for start in range(0, 80, 20):
        _say(store, world, range(start, start + 20))
        learner.refresh()
        learner.wait()
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_before_anything_is_learned_the_plain_ranking_is_offered(source, store, world):
    learner = Learner(source, store, PARAMS)  # not started
    np.testing.assert_array_equal(learner.offered(), np.argsort(-world.score, kind="stable")[:400])
    assert learner.columns() == {}
    assert np.isnan(learner.predict([1000])[0]).all()


def test_errors_of_the_background_are_told_and_pass(learner, store, world, caplog):
    store.fails = True
    learner.refresh()
    learner.wait()
    assert "the disk is gone" in learner.status()["error"]
    store.fails = False
    learner.refresh()
    learner.wait()
    assert learner.status()["error"] == ""
    assert "learning failed" in caplog.text


def test_features_that_cannot_be_had_are_told(source, store, caplog):
    learner = Learner(source, store, PARAMS)  # its folder holds no stages
    learner.start()
    assert not learner.wait_for_features(20)
    assert "not complete" in learner.status()["features"]["error"]
    learner.refresh()
    found = learner.wait(finished=True)  # the catalog's own features have to do
    assert found is not None
    assert found.features.names == ("SCORE",)
    learner.close()


def test_new_entries_make_the_ranking_anew(learner, store, world, monkeypatch):
    monkeypatch.setattr(learner_module, "_POLL_S", 0.0)
    learner.refresh("ada")
    first = learner.wait("ada")
    _say(store, world, range(4))
    assert learner.learned("ada") is not None
    learner.wait("ada")
    assert len(learner.learned("ada").labels) == len(first.labels) == 0  # four are fewer than refresh_every
    _say(store, world, range(4, 8))
    learner.learned("ada")
    assert len(learner.wait("ada").labels) == 8


def test_objects_outside_the_catalog_teach_nothing(learner, store):
    store.say("ada", Said(7, "ANOMALY"), Said(1001, "ANOMALY"))
    learner.refresh("ada")
    assert learner.wait("ada").labels.target_id.tolist() == [1001]


def test_it_closes_in_the_middle_of_work(source, store, world):
    learner = Learner(source, store, PARAMS)
    learner.take_features(world.features)
    learner.start()
    _say(store, world, range(300))
    for who in ("ada", None):
        learner.refresh(who)
    learner.close()
    assert not any(thread.is_alive() for thread in threading.enumerate() if thread.name.startswith("learning-"))
