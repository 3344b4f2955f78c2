import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.review.desk import STEP, Desk, _counted
from oddqso.runs.directory import RunDirectory
from oddqso.vetting.ledger import KEY_SCHEMA
from oddqso.vetting.verdicts import Answer, Verdict

ITEMS = tuple(f"001-AAA{letter}" for letter in "ABCDEFGHIJKL")


@pytest.fixture
def desk(tmp_path):
    """A desk with one batch, of which only answers are asked for."""
    keys = tmp_path / "vetting" / "keys"
    keys.mkdir(parents=True)
    rows = [{"ITEM": item, "TARGETID": k, "KIND": "calibration"} for k, item in enumerate(ITEMS)]
    pq.write_table(pa.Table.from_pylist(rows, KEY_SCHEMA), keys / "batch-001.parquet")
    made = Desk(RunDirectory(tmp_path), work=None)
    yield made
    made.close()


@pytest.fixture
def say(desk):
    def answer(item, verdict):
        return desk.answer(str(uuid.uuid4()), Answer(item, verdict), "ada")

    return answer


def test_who_changes_an_answer_twice_within_a_second_keeps_the_last(desk, say):
    for verdict in (Verdict.ANOMALY, Verdict.ORDINARY, Verdict.ANOMALY, Verdict.ORDINARY):
        assert say(ITEMS[0], verdict)
    assert [entry.verdict for entry in desk.ledger().entries] == [Verdict.ANOMALY, Verdict.ORDINARY] * 2
    assert desk.ledger().settled()[ITEMS[0]].verdict is Verdict.ORDINARY


def test_answers_on_one_item_alone_never_move_the_certificate(desk, say):
    for item in ITEMS[: STEP - 1]:
        say(item, Verdict.ANOMALY)
    for k in range(3 * STEP):
        say(ITEMS[0], (Verdict.ORDINARY, Verdict.ANOMALY)[k % 2])
        assert _counted(desk.ledger()) == 0
    say(ITEMS[STEP], Verdict.ANOMALY)
    counted = len(desk.ledger().entries)
    assert _counted(desk.ledger()) == counted
    for verdict in (Verdict.ORDINARY, Verdict.ANOMALY) * STEP:
        say(ITEMS[STEP], verdict)
        assert _counted(desk.ledger()) == counted
