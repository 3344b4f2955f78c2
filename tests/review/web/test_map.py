"""The map over the web: what is sent, what is withheld, what is refused."""

import base64
import shutil
from dataclasses import replace

import numpy as np
import pytest

from oddqso.review.atlas import Atlas
from oddqso.review.source import open_source

BOX = [[-1e3, -1e3], [1e3, -1e3], [1e3, 1e3], [-1e3, 1e3]]


@pytest.fixture
def source(mapped_run, made_views, tmp_path):
    shutil.copytree(mapped_run, tmp_path / "run")
    return open_source(tmp_path / "run", made_views)


@pytest.fixture
def mapped(room, source):
    return replace(room, source=source, atlas=Atlas(source))


@pytest.fixture
def blind(mapped, blind_room):
    return replace(mapped, params=blind_room.params)


def decode(text, dtype="<f4"):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_every_object_is_counted_once(mapped, sign_in, source):
    found = sign_in(mapped).get("/map?nx=20&ny=10").json()
    assert decode(found["counts"], "<u2").sum() == found["n"] == found["n_view"] == source.n
    assert found["status"]["kind"] == "PCA"
    assert found["values"] is None
    assert [one["name"] for one in found["layers"]] == ["count", "score", "z", "snr"]


def test_a_cell_shows_its_oddest(mapped, sign_in, source):
    found = sign_in(mapped).get("/map?layer=score&nx=1&ny=1").json()
    assert decode(found["values"]).tolist() == [np.float32(source.columns["SCORE"].max())]


def test_points_are_the_oddest_of_a_view(mapped, sign_in, source):
    found = sign_in(mapped).get("/map/points?limit=7&layer=z").json()
    assert found["target_id"] == [str(one) for one in source.target_id[:7]]
    assert found["n_view"] == source.n
    np.testing.assert_array_equal(decode(found["x"]), mapped.atlas.plane().xy[:7, 0])
    np.testing.assert_allclose(decode(found["values"]), source.columns["Z"][:7])


def test_a_lasso_is_a_queue(mapped, sign_in, source):
    ada = sign_in(mapped)
    found = ada.post("/map/lasso", {"polygon": BOX}).json()
    assert found["n"] == source.n
    assert found["queue"] == f"selection-{found['selection']}"
    queue = ada.get(f"/queues/{found['queue']}").json()
    assert queue["total"] == source.n
    assert queue["items"][0]["target_id"] == found["sample"][0] == str(source.target_id[0])


def test_verdicts_lie_where_their_objects_do(mapped, sign_in, verdict, source):
    ada, ben = sign_in(mapped), sign_in(mapped, "ben")
    assert ben.post("/verdicts", verdict(5, verdict="ANOMALY")).status_code == 201
    found = ada.get("/map/verdicts").json()
    assert (found["target_id"], found["verdict"]) == ([str(source.target_id[5])], ["ANOMALY"])
    np.testing.assert_array_equal(decode(found["y"]), mapped.atlas.plane().xy[5:6, 1])


def test_blinded_reviewers_see_no_scores_and_no_verdicts_of_others(blind, sign_in, verdict, source):
    ada, ben = sign_in(blind), sign_in(blind, "ben")
    ben.post("/verdicts", verdict(5))
    for layer in ("score", "interest"):
        assert ada.get(f"/map?layer={layer}").status_code == 403
        assert ada.get(f"/map/points?layer={layer}").status_code == 403
    assert [one["name"] for one in ada.get("/map").json()["layers"]] == ["count", "z", "snr"]
    assert ada.get("/map/verdicts").json()["target_id"] == []
    assert len(ben.get("/map/verdicts").json()["target_id"]) == 1
    points = ada.get("/map/points").json()
    assert "score" not in points
    assert points["target_id"] == sorted(points["target_id"])  # not by score


def test_a_layer_of_what_is_not_learned_is_not_there(mapped, sign_in):
    assert sign_in(mapped).get("/map?layer=interest").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/map?layer=x", "/map?nx=0", "/map?nx=9999", "/map?x0=nan", "/map?x0=inf", "/map?x0=1&x1=0", "/map?y0=1e300",
     "/map/points?limit=0", "/map/points?limit=a"],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(mapped, sign_in, path):
    assert sign_in(mapped).get(path).status_code == 422


@pytest.mark.parametrize(
    "body",
    [{}, {"polygon": []}, {"polygon": [[0, 0], [1, 1]]}, {"polygon": [[0, 0], [1, 1], [2]]}, {"polygon": "x"},
     {"polygon": [[0, 0]] * 1001}, {"polygon": BOX, "map": "T-SNE"}, {"polygon": BOX, "map": "UMAP"},
     {"polygon": [[0, 0], [1, 1], [1e300, 0]]}, {"polygon": BOX, "more": 1}, []],
)  # fmt: skip
def test_what_is_no_lasso_is_refused(mapped, sign_in, body):
    answer = sign_in(mapped).post("/map/lasso", body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_a_selection_that_is_not_there_is_refused(mapped, sign_in):
    assert sign_in(mapped).get(f"/queues/selection-{'0' * 16}").status_code in (404, 422)


def test_a_room_without_a_map_says_so(room, sign_in):
    ada = sign_in(room)
    assert ada.get("/map").status_code == 404
    assert ada.post("/map/lasso", {"polygon": BOX}).status_code == 404


def test_strangers_see_nothing(mapped, sign_in):
    nobody = sign_in(mapped, None)
    assert nobody.get("/map").status_code == 401
    assert nobody.post("/map/lasso", {"polygon": BOX}).status_code == 401
