"""What people write, and what other sites try, in a browser that would obey."""

import json
import uuid

import pytest

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>\'"`${window.broken=1}{{7*7}}'


def test_what_people_write_is_shown_and_never_run(reader, server):
    me = reader()
    target_id = me.open(90)
    send = """async ([path, body]) => {
        const word = document.querySelector('meta[name=csrf]').content;
        const headers = {'content-type': 'application/json', 'x-csrf-token': word};
        return (await fetch('/api/v1' + path, {method: 'POST', body: JSON.stringify(body), headers})).status;
    }"""
    said = {"client_id": str(uuid.uuid4()), "target_id": target_id, "verdict": "ANOMALY", "flagged": True}
    said |= {"comment": HOSTILE, "tags": [HOSTILE[:60]], "queue": HOSTILE[:60]}
    assert me.page.evaluate(send, ["/verdicts", said]) == 201
    spec = {"order_by": "SCORE", "filters": [{"column": "SNR", "op": ">", "value": 0}]}
    assert me.page.evaluate(send, ["/filters", {"name": HOSTILE[:64], "spec": spec, "shared": True}]) == 201
    for path in (f"/object/{target_id}?queue=flagged", "/", "/agreement", "/settle", "/people", "/api"):
        me.page.goto(server.base + path)
        me.page.wait_for_load_state("networkidle")
        assert me.page.evaluate("window.broken") is None, path
    me.page.goto(f"{server.base}/object/{target_id}?queue=flagged")
    me.wait(target_id)
    assert me.page.input_value("#comment") == HOSTILE


def test_another_site_gets_nothing_and_changes_nothing(reader, server):
    """A form and a script of another origin, in the browser in which somebody is signed in."""
    me = reader()
    me.open(91)
    target = json.dumps({"client_id": str(uuid.uuid4()), "target_id": me.shown(), "verdict": "ANOMALY"})
    other = me.context.new_page()
    other.goto("data:text/html,<title>evil</title>")
    fetched = other.evaluate(
        """async ([base, body]) => {
            const tries = [];
            for (const options of [{}, {credentials: 'include'}, {method: 'POST', body, credentials: 'include'},
                                   {method: 'POST', body, mode: 'no-cors', credentials: 'include'}]) {
                try {
                    tries.push((await fetch(base + '/api/v1/verdicts', options)).status);
                } catch { tries.push('refused'); }
            }
            return tries;
        }""",
        [server.base, target],
    )
    assert set(fetched) <= {"refused", 0}, "0 is an answer that the page may not see"
    form = f"<form method=post action='{server.base}/api/v1/logout'></form>"
    other.goto(f"data:text/html,{form}<script>document.forms[0].submit()</script>")
    other.wait_for_load_state()
    assert server.verdicts() == []
    assert me.context.request.get(f"{server.base}/api/v1/me").status == 200, "still signed in"
