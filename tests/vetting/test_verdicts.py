import pytest

from oddqso.errors import DataError
from oddqso.vetting.verdicts import Answer, Verdict, parse_answers, read_answers


@pytest.mark.parametrize(
    "text",
    [
        "ITEM,VERDICT,Z,COMMENT\n001-AAAA,ANOMALY,,\n001-BBBB,ORDINARY,2.1,\n",
        "\ufeffITEM;VERDICT;Z;COMMENT\r\n001-AAAA;anomaly;;\r\n001-BBBB; Ordinary ;2,1;\r\n\r\n",
        "item\tverdict\tz\n001-aaaa\tANOMALY\t\n001-BBBB\tORDINARY\t2.1\n",
        "COMMENT,VERDICT,ITEM,Z\n,ANOMALY,001-AAAA,\n,ORDINARY,001-BBBB,2.1\n,,001-CCCC,\n",
    ],
    ids=["as written", "a spreadsheet's", "tabs", "columns in another order, one not judged yet"],
)
def test_a_queue_is_read_however_it_was_saved(text, tmp_path):
    path = tmp_path / "queue.csv"
    path.write_bytes(text.encode())
    first, second = read_answers(path)
    assert (first.item, first.verdict) == ("001-AAAA", Verdict.ANOMALY)
    assert (second.item, second.verdict, second.z.replace(",", ".")) == ("001-BBBB", Verdict.ORDINARY, "2.1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("ITEM,VERDICT\n001-AAAA,\n", "holds no verdict"),
        ("ITEM,WORD\n001-AAAA,ODD\n", "no column VERDICT"),
        ("TARGETID,VERDICT\n39627640193321234,ANOMALY\n", "active learning"),
        ("ITEM,VERDICT\n001-AAAA,ANOMLY\n", "line 2: 'ANOMLY' is no verdict; did you mean ANOMALY"),
        ("ITEM,VERDICT\n001-AAAA,ANOMALY\n001-AAAA,ORDINARY\n", "line 3: item 001-AAAA"),
        ("ITEM,VERDICT\n,ANOMALY\n", "line 2"),
        ("ITEM,VERDICT,Z\n001-AAAA,WRONG_REDSHIFT,far\n", "'far' is no number"),
        ("ITEM,VERDICT,Z\n001-AAAA,WRONG_REDSHIFT,nan\n", "not between"),
        ("ITEM,VERDICT,VERDICT\n001-AAAA,ANOMALY,ORDINARY\n", "more than once"),
    ],
)
def test_what_cannot_be_a_queue_is_refused_with_its_place(text, words):
    with pytest.raises(DataError, match=words):
        parse_answers(text)


def test_the_same_verdict_twice_in_a_file_is_one():
    assert parse_answers("ITEM,VERDICT\n001-AAAA,KNOWN\n001-AAAA,KNOWN\n") == [Answer("001-AAAA", Verdict.KNOWN)]


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "queue.csv"
    path.write_bytes(b"ITEM,VERDICT\n\xff\xfe,ANOMALY\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_answers(path)
    with pytest.raises(DataError, match="cannot read"):
        read_answers(tmp_path / "nowhere.csv")
