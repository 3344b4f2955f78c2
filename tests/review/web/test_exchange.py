import uuid
from dataclasses import replace

import pytest

from oddqso.errors import ConflictError
from oddqso.review.params import ReviewParams
from oddqso.review.samp import NoHubError, Sent


def bring(person, content, format="csv"):
    return person.client.post(
        f"/api/v1/verdicts/import?format={format}", content=content, headers={"x-csrf-token": person.csrf}
    )


@pytest.mark.parametrize("format", ["csv", "parquet", "votable", "fits", "desi-vi"])
def test_a_file_goes_out_and_comes_in_once(room, ada, verdict, format):
    ada.post("/verdicts", verdict(0, verdict="ANOMALY", subtype="felobal"))
    answer = ada.get(f"/verdicts/export?format={format}")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert bring(ada, answer.content, format).json() == {"n_rows": 1, "n_new": 0, "made": []}
    content = answer.content.replace(b"ada", b"cleo") if format == "csv" else b""
    if content:
        assert bring(ada, content).json() == {"n_rows": 1, "n_new": 1, "made": ["cleo"]}


def test_a_bad_file_is_refused_with_line_and_reason(room, ada, source):
    target_id = source.columns["TARGETID"][0]
    answer = bring(ada, f"TARGETID,VERDICT\n{target_id},KNOWN\n1,KNOWN\n".encode())
    assert answer.status_code == 422
    assert "line 3: TARGETID 1" in answer.json()["detail"]
    assert room.store.counts().n_entries == 0


def test_one_reviewer_brings_own_verdicts_only(room, sign_in, source):
    target_id = source.columns["TARGETID"][0]
    ben = sign_in(room, "ben")
    assert bring(ben, f"TARGETID,VERDICT\n{target_id},KNOWN\n".encode()).json()["n_new"] == 1
    refused = bring(ben, f"TARGETID,REVIEWER,VERDICT\n{target_id},ada,KNOWN\n".encode())
    assert refused.status_code == 422
    assert "only a lead" in refused.json()["detail"]


def test_who_is_blinded_gets_no_verdicts_of_others(room, sign_in, verdict):
    blind = replace(room, params=ReviewParams(blind=True))
    sign_in(room, "ada").post("/verdicts", verdict(0))
    ben = sign_in(blind, "ben")
    assert len(ben.get("/verdicts/export").text.splitlines()) == 1
    ben.post("/verdicts", verdict(0))
    assert len(ben.get("/verdicts/export").text.splitlines()) == 3


class Hub:
    """Where messages would go."""

    def __init__(self, runs=True):
        self.runs, self.sent = runs, []

    def send(self, content, name):
        if not self.runs:
            raise NoHubError("no SAMP hub runs on this machine")
        self.sent.append((content, name))
        return Sent("table.load.votable", ("TOPCAT",))

    send_table = send_spectrum = send


def test_tables_and_spectra_are_sent_where_a_hub_runs(laptop, source):
    from fastapi.testclient import TestClient

    from oddqso.review.app import create_app

    hub = Hub()
    with TestClient(create_app(replace(laptop, samp=hub))) as client:
        client.get(f"/?token={laptop.launch.new()}")
        token = next(iter(client.cookies.values()))
        headers = {"x-csrf-token": laptop.store.session(token)[1]}
        target_id = str(source.columns["TARGETID"][0])
        for body in ({"what": "table", "n": 5}, {"what": "spectrum", "target_id": target_id}):
            answer = client.post("/api/v1/samp", json=body, headers=headers)
            assert answer.json() == {"mtype": "table.load.votable", "receivers": ["TOPCAT"]}
        assert all(b"<VOTABLE" in content for content, _ in hub.sent)
        assert client.post("/api/v1/samp", json={"what": "spectrum"}, headers=headers).status_code == 422
        hub.runs = False
        assert client.post("/api/v1/samp", json={"what": "table"}, headers=headers).status_code == 409


def test_agreement_conflicts_and_settling(room, sign_in, verdict):
    ada, ben = sign_in(room, "ada"), sign_in(room, "ben")
    ada.post("/verdicts", verdict(0, verdict="ANOMALY"))
    ben.post("/verdicts", verdict(0, verdict="ORDINARY"))
    assert ben.get("/conflicts").status_code == 403
    (one,) = ada.get("/conflicts").json()["conflicts"]
    assert one["odd_or_not"]
    assert {said["reviewer"] for said in one["verdicts"]} == {"ada", "ben"}
    assert ada.get("/agreement").json()["odd"]["group"]["n"] == 1
    decision = verdict(0, verdict="KNOWN", client_id=str(uuid.uuid4()))
    assert ben.post("/settle", decision).status_code == 403
    assert [ada.post("/settle", decision).status_code for _ in range(2)] == [201, 200]
    assert ada.get("/conflicts").json()["conflicts"] == []
    assert [one["reviewer"] for one in ada.get("/agreement").json()["settled"]] == ["ada", "ben"]


class FakeDesk:
    """A desk that refuses."""

    def draw(self, n, audit):
        raise ConflictError("the run is in use")


def test_vetting_is_there_for_rooms_with_a_desk_and_leads_draw(room, sign_in):
    assert sign_in(room, "ada").get("/vetting").status_code == 404
    with_desk = replace(room, desk=FakeDesk())
    assert sign_in(with_desk, "ben").post("/vetting/batches", {}).status_code == 403
    assert sign_in(with_desk, "ada").post("/vetting/batches", {}).status_code == 409
