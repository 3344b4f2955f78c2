"""What the programming interface promises as a whole."""

import base64

import numpy as np

API = "/api/v1"


def test_a_spectrum_is_arrays_of_float32(ada, source, made_views):
    target_id = int(source.columns["TARGETID"][0])
    payload = ada.get(f"/objects/{target_id}/spectrum").json()
    flux = np.frombuffer(base64.b64decode(payload["arrays"]["flux"]), "<f4")
    assert payload["n"] == len(flux)
    view = made_views([target_id])[0]
    good = view.ivar > 0
    np.testing.assert_array_equal(flux[good], view.flux[good])
    assert np.isnan(flux[~good]).all()


def test_a_spectrum_is_a_table_too(ada, source):
    answer = ada.get(f"/objects/{source.columns['TARGETID'][0]}/spectrum?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.startswith("wave_angstrom,flux,")
    assert ada.get(f"/objects/{source.columns['TARGETID'][0]}/spectrum?format=fits").status_code == 422


def test_every_targetid_is_text(ada, verdict):
    """They are above 2**53: a number would lose digits in a browser."""
    ada.post("/verdicts", verdict())
    ada.post("/gold", {"target_id": verdict()["target_id"], "verdict": "ORDINARY"})
    ada.post("/assignments", {"reviewer": "ada", "target_ids": [verdict()["target_id"]]})
    target_id = verdict()["target_id"]
    for path in ("/queues/score", "/next?queue=score", "/verdicts", "/gold", "/assignments", f"/objects/{target_id}"):
        answer = ada.get(path)
        assert f'"{target_id}"' in answer.text
        assert all(abs(number) < 2**53 for number in _numbers(answer.json())), path


def _numbers(content):
    if isinstance(content, dict | list):
        for one in content.values() if isinstance(content, dict) else content:
            yield from _numbers(one)
    elif isinstance(content, int):
        yield content


def test_lines_classes_and_the_run_are_told(ada):
    lines = ada.get("/lines").json()["lines"]
    assert {"name": "C IV", "wave": 1549.06, "group": "broad"}.items() <= next(
        line for line in lines if line["name"] == "C IV"
    ).items()
    assert len(ada.get("/classes").json()["classes"]) == 6
    assert ada.get("/run").json()["n"] == 120


def test_the_page_of_the_interface_names_every_route(ada):
    page = ada.client.get("/api").text
    for path in ada.get("/openapi.json").json()["paths"]:
        assert path in page


def test_json_is_packed_for_a_group_and_pages_are_not(ada):
    assert ada.get("/queues/score?limit=100").headers["content-encoding"] == "gzip"
    assert ada.get("/queues/score?limit=100", headers={"accept-encoding": ""}).headers.get("content-encoding") is None
    assert ada.client.get("/api").headers.get("content-encoding") is None


def test_a_static_file_is_kept_for_good_under_its_hash(ada):
    from oddqso.review.web.statics import assets, static

    name = next(iter(assets()[1]))
    hashed = ada.client.get(static(name))
    assert "immutable" in hashed.headers["cache-control"]
    assert ada.client.get(static(name), headers={"if-none-match": hashed.headers["etag"]}).status_code == 304
    assert ada.client.get(f"/static/{name}").headers["cache-control"] == "no-cache"
    assert ada.client.get(f"/static/{name}").content == hashed.content
