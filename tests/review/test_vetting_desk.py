import json
import shutil
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from oddqso.api.vetting import opened_run
from oddqso.api.vetting_desk import open_desk
from oddqso.errors import ConflictError, DataError
from oddqso.review.desk import STEP
from oddqso.runs.files import read_json
from oddqso.vetting.ledger import read_ledger
from oddqso.vetting.verdicts import Answer, Verdict

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]  # a report is made at the end of the batch


def test_a_batch_is_judged_blind_and_the_run_comes_to_the_same_certificate(finished_run, tmp_path):
    run = Path(shutil.copytree(finished_run, tmp_path / "run", symlinks=True))
    directory, settings = opened_run(run)
    with open_desk(directory, settings) as desk:
        assert desk.is_current()
        with pytest.raises(DataError):
            desk.spectrum("001-ZZZZ")
        batch = desk.draw(12)
        with pytest.raises(ConflictError, match="nobody judged"):
            desk.draw(12)
        items = [one["item"] for one in desk.items("ada", batch)]
        rows = {row["ITEM"]: row for row in desk.ledger().keys[batch].to_pylist()}
        kinds = {row["KIND"] for row in rows.values()}
        assert kinds == {"calibration", "planted", "ordinary"}

        # nothing tells what an item is
        for item in items:
            shown = json.loads(desk.spectrum(item))
            assert set(shown) == {"item", "z", "wave0", "wave_step", "n", "arrays", "bands", "masks", "arms", "peaks"}
            assert shown["peaks"] == []
            assert str(rows[item]["TARGETID"]) not in json.dumps(shown)

        # answers count in whole steps, each once, also while the run is in use
        for k, item in enumerate(items[:-1]):
            name, said = str(uuid.uuid4()), Answer(item, Verdict.ANOMALY if k % 2 else Verdict.ORDINARY, "", "a,\nb")
            if k == 1:
                with directory.locked():
                    assert desk.answer(name, said, "ada")
                assert len(read_ledger(run / "vetting").entries) == 1
            else:
                assert desk.answer(name, said, "ada")
            assert not desk.answer(name, said, "ada"), "sent again"
            with pytest.raises(ConflictError):
                desk.answer(name, replace(said, verdict=Verdict.UNSURE), "ada")
            assert desk.certified().n_answers == (k + 1) // STEP * STEP
        assert len(read_ledger(run / "vetting").entries) == len(items) - 1
        desk.answer(str(uuid.uuid4()), Answer(items[-1], Verdict.ANOMALY), "ada")

        # the run is brought up to date, and says what the desk said before
        told = desk.certified()
        assert desk.wait(300).state == "done", desk.update.error
        assert read_json(run / "significance" / "certificate.json") == json.loads(json.dumps(told.certificate))
        assert read_json(run / "significance" / "claim.json")["sentence"] == told.sentence
        assert desk.is_current()

        # another vetter contradicts, a lead settles
        desk.answer(str(uuid.uuid4()), Answer(items[0], Verdict.ANOMALY), "ben")
        assert [one.entries[0].item for _, one in desk.conflicts()] == [items[0]]
        desk.answer(str(uuid.uuid4()), Answer(items[0], Verdict.ORDINARY), "cleo", settles=True)
        assert desk.conflicts() == []
