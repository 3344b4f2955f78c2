"""The blind queue over the web: what an answer may hold, and what becomes of it."""

import json
import uuid
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from oddqso.errors import StageError
from oddqso.review.desk import STEP
from oddqso.shares import upper_limit
from oddqso.significance.labels import Labels
from oddqso.significance.running import certificate_of
from oddqso.vetting.ledger import read_ledger
from oddqso.vetting.verdicts import Verdict

N_ITEMS = 12
"""What is asked for; the controls come on top, rounded up."""


@pytest.fixture
def vetting_room(room, desk):
    return replace(room, desk=desk)


@pytest.fixture
def lead(vetting_room, sign_in):
    return sign_in(vetting_room, "ada")


@pytest.fixture
def ben(vetting_room, sign_in):
    return sign_in(vetting_room, "ben")


@pytest.fixture
def batch(lead) -> list[str]:
    """Items of a batch that is drawn."""
    answer = lead.post("/vetting/batches", {"n": N_ITEMS})
    assert answer.status_code == 201, answer.text
    return items_of(lead)


def items_of(person) -> list[str]:
    return [one["item"] for one in person.get("/vetting/items").json()["items"]]


def said(item, verdict="ORDINARY", **more):
    return {"client_id": str(uuid.uuid4()), "item": item, "verdict": verdict} | more


def answer(person, item, verdict="ORDINARY", status=201, **more):
    got = person.post("/vetting/answers", said(item, verdict, **more))
    assert got.status_code == status, got.text
    return got


def keys_of(desk) -> dict:
    (key,) = desk.ledger().keys.values()
    return {row["ITEM"]: row for row in key.to_pylist()}


def judge(person, desk, items, odd=("calibration", "planted")):
    for item in items:
        answer(person, item, "ANOMALY" if keys_of(desk)[item]["KIND"] in odd else "ORDINARY")


def names_in(content) -> set[str]:
    """Every name of a field, at any depth."""
    if isinstance(content, dict):
        return set(content) | {name for value in content.values() for name in names_in(value)}
    return {name for value in content for name in names_in(value)} if isinstance(content, list) else set()


def test_no_answer_tells_what_an_item_is_before_its_batch_is_done(vetting_room, desk, lead, ben, batch):
    """Nor do they differ between kinds: each spectrum has the same fields and headers."""
    rows = keys_of(desk)
    answers = [lead.get("/vetting"), ben.get("/vetting"), ben.get("/vetting/items"), lead.get("/vetting/conflicts")]
    spectra = [ben.get(f"/vetting/items/{item}/spectrum") for item in batch]
    answers += spectra
    for item in batch[:-1]:
        answers += [answer(ben, item, "ANOMALY", z=1.2, comment="odd"), ben.get("/vetting"), lead.get("/vetting")]
    answers += [answer(lead, batch[0], "ORDINARY"), lead.get("/vetting/conflicts"), lead.get("/vetting/items")]
    answers.append(ben.get("/vetting/items/001-ZZZZ/spectrum"))
    tells = {"target_id", "score", "ra", "dec", "rank", "kind", "class", "amplitude", "split"}
    for one in answers:
        assert "cookie" not in one.headers.get("vary", "").lower()
        whole = one.text + json.dumps(dict(one.headers))
        assert not {name.lower() for name in names_in(one.json())} & tells
        for row in rows.values():
            assert str(row["TARGETID"]) not in whole
            assert repr(row["SCORE"]) not in whole
        assert not [word for word in ("TARGETID", "planted", "felobal") if word in whole]
    fields = {"item", "z", "wave0", "wave_step", "n", "arrays", "bands", "masks", "arms", "peaks"}
    assert {frozenset(one.json()) for one in spectra} == {frozenset(fields)}
    assert all(one.json()["peaks"] == [] for one in spectra)
    assert len({tuple(sorted(one.headers)) for one in spectra}) == 1
    assert ben.get("/vetting").json()["vetters"] == []


def test_records_are_told_when_a_batch_is_done_and_to_whom_they_belong(desk, lead, ben, batch):
    judge(ben, desk, batch[:-1])
    assert lead.get("/vetting").json()["vetters"] == []
    judge(ben, desk, batch[-1:])
    (record,) = ben.get("/vetting").json()["vetters"]
    kinds = Counter(row["KIND"] for row in keys_of(desk).values())
    assert (record["name"], record["n_judged"], record["n_planted"]) == ("ben", len(batch), kinds["planted"])
    answer(lead, batch[0], "UNSURE")
    assert {one["name"] for one in lead.get("/vetting").json()["vetters"]} == {"ada", "ben"}
    assert [one["name"] for one in ben.get("/vetting").json()["vetters"]] == ["ben"]


def test_an_answer_is_taken_once(desk, ben, batch):
    given = said(batch[0], "ANOMALY", comment="a, b\nc", z=2.5)
    codes = [ben.post("/vetting/answers", given).status_code for _ in range(3)]
    assert codes == [201, 200, 200]
    assert ben.post("/vetting/answers", given | {"verdict": "ORDINARY"}).status_code == 409
    assert ben.post("/vetting/answers", given | {"item": batch[1]}).status_code == 409
    (entry,) = read_ledger(desk.journal.folder).entries
    assert (entry.item, entry.verdict, entry.vetter) == (batch[0], Verdict.ANOMALY, "ben")
    assert (entry.comment, float(entry.z)) == ("a, b c", 2.5)
    answer(ben, batch[0], "ORDINARY")  # later, of one's own will
    assert desk.ledger().settled()[batch[0]].verdict is Verdict.ORDINARY
    assert ben.get("/vetting/items").json()["items"][0] == {"item": batch[0], "mine": "ORDINARY", "answered": True}


def test_answers_are_kept_while_the_run_is_in_use(desk, ben, batch):
    """They wait beside the ledger, count at once, and enter it with the next answer."""
    with desk.directory.locked():
        for item in batch[:STEP]:
            given = said(item, "ANOMALY")
            assert [ben.post("/vetting/answers", given).status_code for _ in range(2)] == [201, 200]
        assert read_ledger(desk.journal.folder).entries == ()
        assert ben.get("/vetting").json()["n_counted"] == STEP
    answer(ben, batch[STEP])
    assert len(read_ledger(desk.journal.folder).entries) == STEP + 1


def test_a_batch_is_not_drawn_while_the_run_is_in_use(desk, lead):
    with desk.directory.locked():
        refused = lead.post("/vetting/batches", {"n": N_ITEMS})
    assert refused.status_code == 409
    assert desk.ledger().keys == {}


def test_a_contradiction_is_settled_by_a_lead_alone(desk, lead, ben, batch):
    answer(lead, batch[0], "ANOMALY")
    answer(ben, batch[0], "ORDINARY")
    answer(ben, batch[1], "ORDINARY")
    (found,) = lead.get("/vetting/conflicts").json()["conflicts"]
    assert found["item"] == batch[0]
    assert {(one["vetter"], one["verdict"]) for one in found["verdicts"]} == {("ada", "ANOMALY"), ("ben", "ORDINARY")}
    assert lead.get("/vetting").json()["n_conflicts"] == 1
    assert ben.get("/vetting").json()["n_conflicts"] is None
    answer(ben, batch[0], "ORDINARY", settles=True, status=403)
    answer(lead, batch[0], "ARTIFACT", settles=True)
    assert lead.get("/vetting/conflicts").json()["conflicts"] == []
    assert desk.ledger().settled()[batch[0]].verdict is Verdict.ARTIFACT


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/conflicts", None), ("POST", "/batches", {"n": N_ITEMS}), ("POST", "/update", {})],
)
def test_what_leads_do_no_reviewer_may(vetting_room, ben, sign_in, method, path, body):
    assert ben.send(method, f"/vetting{path}", body).status_code == 403
    assert sign_in(vetting_room, None).send(method, f"/vetting{path}", body).status_code == 401


@pytest.mark.parametrize("item", ["001-ZZZZ", "%2e%2e%2fverdicts.csv", "é", "0", "9" * 39])
def test_an_item_that_is_not_there(desk, ben, batch, item):
    assert ben.get(f"/vetting/items/{item}/spectrum").status_code == 404
    refused = ben.post("/vetting/answers", said(item))
    assert 400 <= refused.status_code < 500
    assert "no queue" in refused.json()["detail"]
    assert desk.ledger().entries == ()


def test_a_batch_that_is_not_there(ben, batch):
    refused = ben.get("/vetting/items?batch=batch-009")
    assert 400 <= refused.status_code < 500
    assert "batch-001" in refused.json()["detail"]


@pytest.mark.parametrize(
    "more", [{"verdict": "ODD"}, {"client_id": "1"}, {"z": 99.0}, {"comment": "\x00"}, {"vetter": "ada"}, {"z": "1"}]
)
def test_what_is_no_answer_is_refused(desk, ben, batch, more):
    assert ben.post("/vetting/answers", said(batch[0]) | more).status_code == 422
    assert desk.ledger().entries == ()


def test_the_certificate_is_that_of_the_library(desk, lead, ben, batch):
    """Also in the middle of a batch: of the last whole step of answers."""
    frozen, params = desk.work.scores()
    rows = keys_of(desk)
    moved = set()
    for n, item in enumerate(batch, start=1):
        answer(ben, item, "ANOMALY" if rows[item]["KIND"] != "ordinary" else "ORDINARY")
        told = lead.get("/vetting").json()
        counted = n if n == len(batch) else n // STEP * STEP
        assert (told["n_answers"], told["n_counted"]) == (n, counted)
        judged = [rows[one] for one in batch[:counted]]
        seen = np.array(sorted(row["TARGETID"] for row in judged if row["KIND"] == "calibration"), np.int64)
        controls = sum(row["KIND"] == "ordinary" for row in judged)
        limit = min(upper_limit(0, controls), 0.999)
        labels = Labels(seen, np.ones(len(seen), bool), limit) if len(seen) else None
        made, tiers = frozen.claims(labels, params)
        assert told["certificate"] == json.loads(json.dumps(certificate_of(made, tiers)))
        assert told["sentence"] == made.sentence
        moved.add(json.dumps(told["certificate"]))
    assert len(moved) == 1 + len(batch) // STEP + 1, "it moved with each step"
    assert desk.wait(30).state == "done"
    assert lead.get("/vetting").json()["current"]


def test_an_update_that_fails_is_told(vetting_room, desk, lead, batch):
    def fail():
        raise StageError("the disk is full")

    desk.work = replace(desk.work, update=fail)
    assert lead.post("/vetting/update", {}).json() == {"begun": True}
    desk.wait(30)
    assert lead.get("/vetting").json()["update"]["error"] == "the disk is full"


def test_a_next_batch_waits_for_the_last_one(desk, lead, ben, batch):
    assert lead.post("/vetting/batches", {"n": N_ITEMS}).status_code == 409
    judge(ben, desk, batch)
    desk.wait(30)
    assert lead.post("/vetting/batches", {"n": N_ITEMS, "audit": "gold"}).json() == {"batch": "batch-002"}
    assert not set(items_of(lead)) & set(batch)
    assert [one["audit"] for one in lead.get("/vetting").json()["batches"]] == [None, "gold"]
