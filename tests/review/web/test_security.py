"""An attacker's view: each test is an attempt."""

import json
import socket
import threading
import time
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from oddqso.review import connections
from oddqso.review.app import create_app
from oddqso.review.serving import listen, serve
from oddqso.review.web import limits
from oddqso.review.web.access import cookie_name
from oddqso.review.web.login import WAIT, WRONG

API = "/api/v1"
PASSWORD = "correct horse battery"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}"


def log_in(client, name="ada", password=PASSWORD, **headers):
    return client.post("/login", data={"name": name, "password": password}, headers=headers)


@pytest.fixture
def stranger(room):
    return TestClient(create_app(room), follow_redirects=False)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../params.py",
        "/static/%2e%2e/params.py",
        "/static/..%2f..%2fparams.py",
        "/static/....//params.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/..\\params.py",
        "/static/vendor/../../params.py",
    ],
)
def test_no_path_leads_out_of_the_static_files(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code in (404, 401, 303)
    assert "ReviewParams" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["/object/..%2f..%2frun.json", "/api/v1/objects/..%2f..%2frun.json", "/object/%00"])
def test_no_object_is_a_path(ada, path):
    assert ada.client.get(path).status_code in (400, 404, 422)


SQL = ["'; DROP TABLE verdicts; --", "1 OR 1=1", "ada' OR '1'='1", "1); DELETE FROM reviewers; --"]


@pytest.mark.parametrize("text", SQL)
def test_sql_stays_text(ada, room, verdict, text):
    assert ada.post("/verdicts", verdict(comment=text, tags=[text], queue=text)).status_code == 201
    assert ada.get(f"/verdicts?reviewer={quote(text)}").json()["verdicts"] == []
    assert ada.get(f"/verdicts?target_id={quote(text)}").status_code == 422
    assert ada.get(f"/next?queue={quote(text)}").status_code == 422
    assert log_in(ada.client, text, text).status_code == 401
    stored = room.store.verdicts()
    assert [one.comment for one in stored] == [text]
    assert len(room.store.reviewers()) == 3


def test_no_filter_reaches_the_database_as_code(ada):
    spec = {"order_by": "Z; DROP TABLE filters", "filters": []}
    assert ada.post("/filters", {"name": "x", "spec": spec}).status_code == 422


def test_what_people_write_is_never_markup(ada, verdict, room):
    """Comments and tags go out as JSON only; names and addresses, which stand in pages, are escaped."""
    sent = verdict(comment=HOSTILE, tags=[HOSTILE[:64]])
    ada.post("/verdicts", sent)
    answer = ada.get(f"/objects/{sent['target_id']}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["my_verdict"]["comment"] == HOSTILE
    page = ada.client.get(f"/object/{sent['target_id']}?queue={quote(HOSTILE)}")
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    for path in ("/", "/people", "/settle", "/agreement", "/api"):
        assert "<script>alert" not in ada.client.get(path).text


def test_a_hostile_name_is_escaped_on_every_page(room, sign_in):
    name = "<b onclick=1>mallory"
    room.store.add_reviewer(name, "lead", PASSWORD)
    mallory = sign_in(room, name)
    for path in ("/", "/people", "/settle", "/agreement", "/api"):
        assert "<b onclick" not in mallory.client.get(path).text


def test_a_hostile_sign_in_is_escaped(stranger):
    answer = log_in(stranger, HOSTILE, "x")
    assert "<script>alert" not in answer.text
    page = stranger.get(f"/login?next={quote('/' + HOSTILE)}")
    assert "<script>alert" not in page.text


def test_scripts_come_from_here_alone(ada):
    for path in ("/", "/login", "/api/v1/me", "/none", "/static/none"):
        policy = ada.client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("token", [None, "", "wrong", "ä"])
def test_without_its_token_no_request_changes_anything(ada, verdict, room, token):
    headers = {} if token is None else {"x-csrf-token": token.encode()}
    answer = ada.client.post(f"{API}/verdicts", json=verdict(), headers=headers)
    assert answer.status_code == 403
    assert room.store.counts().n_entries == 0


def test_the_token_of_another_session_does_not_do(ada, verdict, room, sign_in):
    other = sign_in(room, "ben")
    answer = ada.client.post(f"{API}/verdicts", json=verdict(), headers={"x-csrf-token": other.csrf})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://testserver.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_make_the_browser_act(ada, verdict, room, headers):
    answer = ada.client.post(f"{API}/verdicts", json=verdict(), headers={"x-csrf-token": ada.csrf, **headers})
    assert answer.status_code == 403
    assert room.store.counts().n_entries == 0
    assert log_in(ada.client, **headers).status_code == 403


def test_no_form_of_another_kind_is_a_verdict(ada, verdict, room):
    """A plain form of another site can send text/plain without asking; it is no JSON here."""
    headers = {"x-csrf-token": ada.csrf, "content-type": "text/plain"}
    answer = ada.client.post(f"{API}/verdicts", content=json.dumps(verdict()), headers=headers)
    assert answer.status_code == 422
    assert room.store.counts().n_entries == 0


def test_a_session_that_somebody_planted_does_not_become_ones_own(room, stranger):
    planted = "A" * 43
    answer = log_in(stranger, cookie=f"{cookie_name(room)}={planted}")
    token = stranger.cookies[cookie_name(room)]
    assert planted not in answer.headers["set-cookie"]
    assert room.store.session(planted) is None
    assert room.store.session(token)[0].name == "ada"


def test_signing_in_ends_the_session_before(room, stranger):
    log_in(stranger, "ben")
    before = stranger.cookies[cookie_name(room)]
    log_in(stranger, "ada")
    assert stranger.cookies[cookie_name(room)] != before
    assert room.store.session(before) is None


@pytest.mark.parametrize("told", [True, False])
def test_an_oversized_body_is_refused_whether_it_tells_its_size_or_not(ada, told):
    chunk = b"x" * 65536
    body = b'{"comment": "' + chunk * 8 + b'"}'
    content = body if told else (chunk for _ in range(8))
    headers = {"x-csrf-token": ada.csrf, "content-type": "application/json"}
    answer = ada.client.post(f"{API}/verdicts", content=content, headers=headers)
    assert answer.status_code == 413
    assert "KiB" in answer.json()["detail"]


def test_an_oversized_sign_in_is_refused(stranger):
    assert log_in(stranger, "ada", "x" * 300_000).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "x"])
def test_a_length_that_is_none_is_refused(ada, length):
    headers = {"x-csrf-token": ada.csrf, "content-length": length}
    assert ada.client.post(f"{API}/verdicts", content=b"{}", headers=headers).status_code == 413


def test_an_overlong_or_broken_address_is_refused(ada):
    assert ada.get("/next?queue=" + "x" * 5000).status_code == 414
    assert ada.get("/next?queue=%00").status_code == 400


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "testserver.evil.example",
        "169.254.169.254",
        "",
        "[::2]:80",
        "a@testserver",
        "testserver:80/static/?",
        "testserver:x",
        "[::1]/static/?",
    ],
)
def test_a_foreign_host_is_refused(ada, host):
    answer = ada.client.get("/api/v1/me", headers={"host": host})
    assert answer.status_code == 421
    assert "evil" not in answer.text


def test_no_address_in_the_host_opens_a_route(room, stranger):
    """The address that a library puts together from the Host header is not what decides who may enter."""
    for host in ("testserver:80/static/?", "testserver/login?", "testserver:80/static/#"):
        assert stranger.get("/api/v1/me", headers={"host": host}).status_code == 421
    for path in ("/static/%3f/../../api/v1/me", "/login%3f/../api/v1/me", "//api/v1/me", "/api/v1/me%00", "/API/v1/me"):
        assert stranger.get(path).status_code in (303, 400, 401, 404)


def test_a_body_that_is_too_deep_is_refused(ada):
    headers = {"x-csrf-token": ada.csrf, "content-type": "application/json"}
    answer = ada.client.post(f"{API}/verdicts", content=b"[" * 200_000, headers=headers)
    assert answer.status_code in (400, 422)


def test_the_old_password_cannot_be_guessed_with_a_stolen_session(room, ada):
    for _ in range(room.params.login_failures):
        assert ada.post("/me/password", {"old": "wrong", "new": "another password"}).status_code == 403
    assert ada.post("/me/password", {"old": PASSWORD, "new": "another password"}).status_code == 429


def test_sign_in_is_refused_after_too_many_attempts(room, stranger, clock):
    answers = [log_in(stranger, "ada", "wrong password") for _ in range(room.params.login_failures)]
    assert {answer.status_code for answer in answers} == {401}
    assert log_in(stranger, "ada").status_code == 429, "even with the right password"
    assert log_in(stranger, "ben").status_code == 303, "others may still come in"
    clock.move(minutes=room.params.login_window_min + 1)
    assert log_in(stranger, "ada").status_code == 303


def test_one_address_cannot_try_many_names(room, stranger):
    answers = [log_in(stranger, f"name{n}", "wrong password").status_code for n in range(60)]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_nothing_tells_whether_a_name_exists(room, stranger):
    room.store.disable(next(one.id for one in room.store.reviewers() if one.name == "eve"))
    known, unknown, disabled = (log_in(stranger, name, "wrong") for name in ("ada", "nobody", "eve"))
    texts = [
        answer.text.replace(name, "NAME") for name, answer in (("ada", known), ("nobody", unknown), ("eve", disabled))
    ]
    assert texts[0] == texts[1] == texts[2]
    assert WRONG in known.text
    assert known.status_code == unknown.status_code == disabled.status_code == 401
    for name in ("ada", "nobody"):
        for _ in range(5):
            last = log_in(stranger, name, "wrong")
        assert last.status_code == 429
        assert WAIT in last.text


LEADS_ONLY = [
    ("GET", "/reviewers"), ("POST", "/reviewers"), ("PATCH", "/reviewers/1"), ("POST", "/assignments"),
    ("GET", "/gold"), ("POST", "/gold"), ("DELETE", "/gold/1"), ("GET", "/audit"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), LEADS_ONLY)
def test_what_leads_do_reviewers_cannot(room, sign_in, method, path, verdict):
    ben = sign_in(room, "ben")
    target_id = verdict()["target_id"]
    body = {
        "/reviewers": {"name": "x", "password": PASSWORD, "role": "lead"},
        "/reviewers/1": {"password": "another password"},
        "/assignments": {"reviewer": "ben", "target_ids": [target_id]},
        "/gold": {"target_id": target_id, "verdict": "ORDINARY"},
    }.get(path)
    answer = ben.send(method, path.replace("/gold/1", f"/gold/{target_id}"), body if method != "GET" else None)
    assert answer.status_code == 403
    assert len(room.store.reviewers()) == 3


@pytest.mark.parametrize("page", ["/people", "/settle"])
def test_pages_of_leads_are_closed_to_reviewers(room, sign_in, page):
    assert sign_in(room, "ben").client.get(page).status_code == 403


def test_every_route_is_closed_to_strangers(room, stranger):
    """Walk all routes that there are: a new one that is open by mistake fails here."""
    open_ones = set()
    for path, methods in stranger.app.openapi()["paths"].items():
        for method in methods:
            address = path.replace("{target_id}", "1").replace("{name}", "score")
            if stranger.request(method.upper(), address).status_code != 401:
                open_ones.add((method, path))
    assert open_ones == set()
    for page in ("/", "/map", "/vetting", "/learning", "/agreement", "/settle", "/people", "/api", "/object/1", "/x"):
        answer = stranger.get(page)
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/login")


def test_the_cookie_is_out_of_reach(room, stranger):
    cookie = log_in(stranger).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    secure = TestClient(create_app(replace(room, https=True)), base_url="https://testserver", follow_redirects=False)
    answer = log_in(secure)
    assert answer.headers["set-cookie"].startswith("__Host-oddqso")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_session_ends(room, ada, clock):
    assert ada.get("/me").status_code == 200
    clock.move(hours=room.params.session_hours + 0.1)
    assert ada.get("/me").status_code == 401


def test_a_session_ends_with_signing_out_a_new_password_or_a_shut_account(room, sign_in):
    first, second, third = (sign_in(room, "ben") for _ in range(3))
    assert first.send("POST", "/logout").status_code == 204
    assert first.client.cookies.get(cookie_name(room)) is None
    assert second.get("/me").status_code == 200
    answer = second.post("/me/password", {"old": PASSWORD, "new": "another password"})
    assert answer.status_code == 204
    assert third.get("/me").status_code == 401
    ada, eve = sign_in(room, "ada"), sign_in(room, "eve")
    number = eve.get("/me").json()["id"]
    assert ada.send("PATCH", f"/reviewers/{number}", {"disabled": True}).status_code == 200
    assert eve.get("/me").status_code == 401


def test_a_token_needs_no_cookie_and_can_be_revoked(room, ada, stranger, verdict):
    token = ada.post("/me/tokens", {"name": "script"}).json()["token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert stranger.get(f"{API}/me", headers=bearer).json()["name"] == "ada"
    assert stranger.post(f"{API}/verdicts", json=verdict(), headers=bearer).status_code == 201
    assert stranger.get("/people", headers=bearer).status_code == 303, "pages are for browsers"
    assert stranger.post(f"{API}/me/tokens", json={"name": "x"}, headers=bearer).status_code == 403
    number = ada.get("/me/tokens").json()["tokens"][0]["id"]
    assert token not in ada.get("/me/tokens").text
    ada.send("DELETE", f"/me/tokens/{number}")
    assert stranger.get(f"{API}/me", headers=bearer).status_code == 401


def test_a_token_of_a_lead_changes_nobody_s_password(room, ada, stranger):
    token = ada.post("/me/tokens", {"name": "script"}).json()["token"]
    for name in ("ada", "ben"):
        path = f"{API}/reviewers/{room.store.reviewer(name).id}"
        sent = stranger.patch(path, json={"password": "another password"}, headers={"authorization": f"Bearer {token}"})
        assert sent.status_code == 403


def test_nobody_revokes_the_token_of_another(room, ada, sign_in):
    ada.post("/me/tokens", {"name": "script"})
    number = ada.get("/me/tokens").json()["tokens"][0]["id"]
    assert sign_in(room, "ben").send("DELETE", f"/me/tokens/{number}").status_code == 404


def test_the_link_of_a_laptop_works_once_and_leaves_no_trace(laptop):
    client = TestClient(create_app(laptop), follow_redirects=False)
    assert client.get("/").status_code == 303
    token = laptop.launch.new()
    answer = client.get(f"/?token={token}")
    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/", "")
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert client.get(f"{API}/me").json()["name"] == "me"
    other = TestClient(create_app(laptop), follow_redirects=False)
    refused = other.get(f"/?token={token}")
    assert refused.headers["location"] == "/login?next=/"
    assert token not in str(refused.headers)
    assert other.get(f"{API}/me").status_code == 401


def test_a_laptop_has_no_password_to_guess(laptop):
    client = TestClient(create_app(laptop), follow_redirects=False)
    assert log_in(client).status_code == 403
    assert log_in(client, "me", "").status_code == 403


def test_a_link_opens_no_group(room):
    client = TestClient(create_app(room), follow_redirects=False)
    assert client.get(f"/?token={room.launch.new()}").headers["location"].startswith("/login")


@pytest.mark.parametrize("place", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(stranger, place):
    answer = stranger.post("/login", data={"name": "ada", "password": PASSWORD, "next": place})
    assert answer.headers["location"] == "/"


def test_a_failure_tells_nothing_of_the_inside(room, source, sign_in, monkeypatch):
    def broken(target_id):
        raise RuntimeError("secret path /home/ada")

    monkeypatch.setattr(source, "facts", broken)
    app = create_app(room)
    client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    log_in(client)
    answer = client.get(f"{API}/objects/{source.columns['TARGETID'][0]}")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.fixture
def served(laptop, monkeypatch):
    """The port of a room that is served; connections have a fifth of a second to ask for something."""
    monkeypatch.setattr(connections, "PATIENCE_S", 0.2)
    monkeypatch.setattr(limits, "_PATIENCE_S", 0.2)
    listening, begun = listen("127.0.0.1", 0), threading.Event()
    servers = []
    run = uvicorn.Server.run
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, **more: servers.append(self) or run(self, **more))
    thread = threading.Thread(target=serve, args=(laptop, listening, begun.set))
    thread.start()
    assert begun.wait(20)
    with listening:
        yield listening.getsockname()[1]
        servers[0].should_exit = True
        thread.join(20)


LOGIN = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 99\r\n\r\nname="
)


@pytest.mark.parametrize("said", [b"", b"GET /login HTTP/1.1\r\nHost: local", LOGIN])
def test_who_asks_for_nothing_keeps_nobody_out(served, said):
    with socket.create_connection(("127.0.0.1", served), timeout=10) as idle:
        idle.sendall(said)
        answer = idle.recv(4096)
        assert answer == b"" or b" 408 " in answer.splitlines()[0]


def test_who_asks_again_and_again_is_answered(served):
    with httpx.Client(base_url=f"http://127.0.0.1:{served}") as client:
        for _ in range(4):
            assert client.get("/login").status_code == 200
            time.sleep(0.15)
