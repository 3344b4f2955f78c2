"""Requests that nobody thought of, made from the OpenAPI document, at a room with all its parts."""

import shutil
import time
from dataclasses import replace

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode

from oddqso.api.reviewing import open_room
from oddqso.review.app import create_app

LONG = {"/api/v1/vetting/batches", "/api/v1/vetting/update"}
"""They simulate and run stages: right requests are tested where they belong."""
SECONDS = 25.0


@pytest.mark.slow
@pytest.mark.xdist_group("pipeline")
def test_no_request_whatever_makes_the_server_fail(finished_run, tmp_path):
    """Right ones and wrong ones, as a lead: never a 5xx."""
    run = shutil.copytree(finished_run, tmp_path / "run", symlinks=True)
    with open_room(run, database=tmp_path / "review.sqlite", name="ada") as opened:
        room = replace(opened, allowed_hosts=("testserver",))
        headers = {"authorization": f"Bearer {room.store.api_token(room.local.id, 'fuzz')}"}
        known = str(room.source.columns["TARGETID"][0])
        app = create_app(room)
        client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        config = schemathesis.Config.from_dict({"generation": {"mode": "all", "deterministic": True}})
        schema = schemathesis.openapi.from_dict(app.openapi(), config=config)
        operations = [one.ok() for one in schema.get_all_operations() if one.ok().path not in LONG]
        until, n_sent = time.monotonic() + SECONDS, 0

        for operation in operations:
            right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
            wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

            @settings(
                max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
            )
            @given(right | wrong, booleans())
            def send(case, real):
                nonlocal n_sent
                if time.monotonic() > until:
                    return
                if real and "target_id" in (case.path_parameters or {}):
                    case.path_parameters["target_id"] = known
                if real and isinstance(case.body, dict) and "target_id" in case.body:
                    case.body["target_id"] = known
                sent = case.as_transport_kwargs(base_url="http://testserver")
                body = {"content" if name == "data" else name: sent[name] for name in ("json", "data") if name in sent}
                words = {**dict(sent["headers"]), **headers}
                answer = client.request(case.method, sent["url"], params=sent.get("params"), headers=words, **body)
                n_sent += 1
                assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"

            send()
        assert n_sent > 100
