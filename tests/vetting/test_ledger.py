import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import DataError, StoreError
from oddqso.shares import upper_limit
from oddqso.vetting.ledger import (
    KEY_SCHEMA,
    UNMEASURED,
    format_entries,
    ledger_state,
    new_entries,
    parse_entries,
    read_labels,
    read_ledger,
)
from oddqso.vetting.verdicts import Answer, Verdict
from oddqso.vetting.vetters import vetters

BIG = 2**53 + 1  # a TARGETID that a float would change

KINDS = {
    "001-AAAA": ("calibration", BIG), "001-BBBB": ("calibration", BIG + 1), "001-CCCC": ("ordinary", 3),
    "001-DDDD": ("planted", 4), "001-EEEE": ("audit", 5),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A ledger with one batch and no verdict."""
    rows = [
        {"ITEM": item, "TARGETID": target_id, "KIND": kind, "CLASS": "", "AMPLITUDE": None, "SCORE": 1.0,
         "GROUP": "strict", "TIER": "", "N_LIST": None}
        for item, (kind, target_id) in KINDS.items()
    ]  # fmt: skip
    (tmp_path / "keys").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, KEY_SCHEMA), tmp_path / "keys" / "batch-001.parquet")
    return tmp_path


def judge(folder, vetter, time="1", settles=False, **verdicts):
    """Write verdicts on items by their last letter; how many lines that added."""
    ledger = read_ledger(folder)
    answers = [Answer(f"001-{4 * letter}", Verdict(word)) for letter, word in verdicts.items()]
    added = new_entries(ledger, answers, vetter, time, settles=settles)
    (folder / "verdicts.csv").write_text(format_entries([*ledger.entries, *added]))
    return len(added)


def test_a_run_that_nobody_vetted_has_no_labels(folder, tmp_path):
    assert read_labels(folder) is None
    assert ledger_state(folder) == ""
    assert read_labels(tmp_path / "nowhere") is None


def test_labels_are_of_calibration_alone_and_keep_every_digit_of_a_targetid(folder):
    judge(folder, "ada", A="ANOMALY", B="KNOWN", C="ORDINARY", D="ANOMALY", E="ANOMALY")
    target_id, odd, false_alarm = read_labels(folder)
    assert target_id.dtype == np.int64
    assert target_id.tolist() == [BIG, BIG + 1]
    assert odd.tolist() == [True, False]
    assert false_alarm == upper_limit(0, 1)


def test_verdicts_on_an_audit_or_on_planted_ones_change_no_calibration(folder):
    judge(folder, "ada", A="ANOMALY", C="ORDINARY")
    before = ledger_state(folder)
    judge(folder, "ada", D="ORDINARY", E="ORDINARY")
    assert ledger_state(folder) == before


def test_without_controls_no_false_alarm_rate_is_made_up(folder):
    judge(folder, "ada", A="ANOMALY")
    assert read_labels(folder)[2] == UNMEASURED


def test_the_same_verdicts_again_add_nothing(folder):
    assert judge(folder, "ada", A="ANOMALY", B="KNOWN") == 2
    text = (folder / "verdicts.csv").read_bytes()
    assert judge(folder, "ada", time="2", A="ANOMALY", B="KNOWN") == 0
    assert (folder / "verdicts.csv").read_bytes() == text


def test_a_later_verdict_replaces_the_earlier_one_and_both_are_kept(folder):
    judge(folder, "ada", A="ANOMALY", C="ORDINARY")
    state = ledger_state(folder)
    judge(folder, "ada", time="2", A="ORDINARY")
    assert read_labels(folder)[1].tolist() == [False]
    assert ledger_state(folder) != state
    assert [entry.verdict for entry in read_ledger(folder).entries if entry.item == "001-AAAA"] == [
        Verdict.ANOMALY,
        Verdict.ORDINARY,
    ]


def test_vetters_who_contradict_each_other_settle_nothing_until_somebody_does(folder):
    judge(folder, "ada", A="ANOMALY", B="ANOMALY")
    judge(folder, "ben", time="2", A="ORDINARY", B="ARTIFACT")
    (conflict,) = read_ledger(folder).conflicts()
    assert {entry.vetter for entry in conflict.entries} == {"ada", "ben"}
    assert read_labels(folder)[0].tolist() == [BIG + 1]  # both odd: of which kind does not matter
    judge(folder, "cleo", time="3", settles=True, A="ANOMALY")
    assert not read_ledger(folder).conflicts()
    assert read_labels(folder)[1].tolist() == [True, True]


def test_who_is_unsure_leaves_the_word_to_others(folder):
    judge(folder, "ada", A="UNSURE", B="UNSURE")
    judge(folder, "ben", time="2", A="ANOMALY")
    assert read_labels(folder)[1].tolist() == [True, False]


def test_items_of_no_queue_are_refused(folder):
    with pytest.raises(DataError, match="stands in no queue"):
        new_entries(read_ledger(folder), [Answer("009-ZZZZ", Verdict.ANOMALY)], "ada", "1")


def test_the_ledger_says_which_line_is_damaged(folder):
    judge(folder, "ada", A="ANOMALY")
    path = folder / "verdicts.csv"
    path.write_text(path.read_text()[:-40] + "\n")
    with pytest.raises(StoreError, match="line 2"):
        read_ledger(folder)
    path.write_text("")
    with pytest.raises(StoreError, match="first line"):
        read_ledger(folder)


def test_a_comment_may_hold_anything(folder):
    answer = Answer("001-AAAA", Verdict.KNOWN, comment='says "BAL", see\nArp; 10')
    entries = tuple(new_entries(read_ledger(folder), [answer], "ada, b", "1"))
    assert parse_entries(format_entries(entries), "here") == entries


def test_a_batch_is_open_until_each_item_has_a_verdict(folder):
    judge(folder, "ada", A="ANOMALY", B="KNOWN", C="ORDINARY", D="ORDINARY")
    assert read_ledger(folder).open_batch() == "batch-001"
    judge(folder, "ada", E="UNSURE")
    assert read_ledger(folder).open_batch() is None


def test_vetters_are_measured_on_controls_alone(folder):
    judge(folder, "ada", A="ANOMALY", B="ANOMALY", C="ARTIFACT", D="UNSURE", E="ORDINARY")
    judge(folder, "ben", D="ANOMALY")
    judge(folder, "ben", time="2", settles=True, C="ORDINARY")
    ada, ben = vetters(read_ledger(folder))
    assert (ada.n_ordinary, ada.n_false, ada.n_planted, ada.n_missed, ada.n_unsure) == (1, 1, 1, 1, 1)
    assert (ben.n_ordinary, ben.n_planted, ben.n_missed) == (0, 1, 0)
    assert ben.false_upper == 1.0
