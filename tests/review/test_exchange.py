import io
import uuid
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from oddqso.errors import ConflictError, DataError
from oddqso.review.exchange import Format, read_table, standing, write_verdicts
from oddqso.review.importing import import_verdicts
from oddqso.review.inspection import FIELDS, inspected, write_inspection
from oddqso.review.store import NewVerdict, open_store

FIRST = 39_627_000_000_000_001  # above 2**53 and odd: a float cannot hold it


@pytest.fixture
def fresh(tmp_path):
    opened = []

    def make(name, people=("ada",)):
        store = open_store(tmp_path / f"{name}.sqlite")
        opened.append(store)
        for one in people:
            store.add_reviewer(one, "lead" if one == "ada" else "reviewer")
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def filled(fresh):
    """Verdicts with all that may be awkward in them."""
    store = fresh("filled", ("ada", "ben"))
    ada, ben = (one.id for one in store.reviewers())
    for row, (who, content) in enumerate([
        (ada, {"verdict": "ANOMALY", "subtype": "felobal", "interest": 4, "confidence": 3, "z": 1.2345678901,
               "comment": 'a, "b"\nzwei é – ] \\n', "tags": ("x y", "#]", "é"), "flagged": True}),
        (ben, {"verdict": "UNSURE", "comment": "=1+1"}),
        (ben, {"verdict": "WRONG_REDSHIFT", "subtype": "star", "confidence": 2, "z": 0.0}),
        (ben, {"verdict": "ARTIFACT", "interest": 0, "seconds": 2.5, "queue": "score"}),
    ]):  # fmt: skip
        store.add_verdict(who, NewVerdict(client_id=str(uuid.uuid4()), target_id=FIRST + row, **content))
    settled = NewVerdict(client_id=str(uuid.uuid4()), target_id=FIRST + 1, verdict="KNOWN", subtype="bal")
    store.add_verdict(ada, settled, settles=True)
    return store


def written(store, format):
    entries = standing(store.verdicts())
    return write_inspection(entries, {}) if format is Format.DESI_VI else write_verdicts(entries, format)


def taken(store, content, format, **more):
    options = {"known": lambda target_id: None, "reviewer": None, "by": "ada"} | more
    return import_verdicts(store, content, format, **options)


def said(store, lost=()):
    blank = {"id": 0, "time": ""} | dict.fromkeys(lost, "")
    return [replace(entry, **blank) for entry in standing(store.verdicts())]


@pytest.mark.parametrize("format", Format)
def test_verdicts_come_back_as_they_went_and_the_same_file_twice_adds_nothing(filled, fresh, format):
    content, other = written(filled, format), fresh("other")
    lost = ("client_id", "queue", "seconds") if format is Format.DESI_VI else ()
    assert taken(other, content, format).n_new == 5
    assert said(other, lost) == said(filled, lost)
    assert taken(other, content, format).n_new == 0
    assert taken(filled, content, format).n_new == 0, "nor does one's own"
    assert taken(other, written(other, format), format).n_new == 0


@pytest.mark.parametrize("format", [Format.VOTABLE, Format.FITS])
def test_astropy_reads_integers_units_and_descriptions(filled, format):
    table = Table.read(io.BytesIO(written(filled, format)), format=str(format))
    assert table["TARGETID"].dtype.str[1:] == "i8"
    assert table["TARGETID"].tolist()[0] == FIRST
    assert table["SECONDS"].unit == "s"
    assert table["INTEREST"].mask.tolist() == [False, True, True, True, False]
    if format is Format.VOTABLE:
        assert table["TARGETID"].description == "DESI object id"


def test_arrow_reads_integers_and_predictions(filled):
    content = write_verdicts(standing(filled.verdicts()), Format.PARQUET, {FIRST: (2.5, 0.5)})
    table = pq.read_table(pa.BufferReader(content))
    assert table.schema.field("TARGETID").type == pa.int64()
    assert table.schema.field("TARGETID").metadata[b"description"] == b"DESI object id"
    assert table["INTEREST_PREDICTED"].to_pylist() == [2.5, None, None, None, None]


@pytest.mark.parametrize("format", Format)
def test_no_verdicts_are_a_file_as_well(fresh, format):
    assert read_table(written(fresh("empty"), format), format) == []


HEAD = "TARGETID,REVIEWER,VERDICT,SUBTYPE,Z\n"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("3.9627e16,ada,KNOWN,,", "line 3: TARGETID '3.9627e16' is no integer; a float"),
        (f"{FIRST},ada,ODD,,", "line 3: 'ODD' is no verdict"),
        (f"{FIRST},ada,ORDINARY,felobal,", "line 3: 'felobal' is no sub-type"),
        (f"{FIRST},ada,KNOWN,,99", "line 3: z is 99"),
        (f"{FIRST},ada,KNOWN,,red", "line 3: Z 'red' is no number"),
        (f"{FIRST},ada,KNOWN,,nan", "line 3: z"),
        (f"{FIRST},,KNOWN,,", "line 3: it has no REVIEWER"),
        (f"{FIRST},ada,KNOWN", "line 3: 3 fields, but the heading has 5"),
        (f"{2**63},ada,KNOWN,,", "line 3: "),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_nothing_is_taken_in(fresh, row, why):
    store = fresh("bad")
    with pytest.raises(DataError, match=why.replace("(", r"\(")):
        taken(store, f"{HEAD}{FIRST},ada,KNOWN,bal,\n{row}\n".encode(), Format.CSV)
    assert store.counts().n_entries == 0


def test_an_object_of_another_run_is_refused(fresh):
    def known(target_id):
        raise DataError(f"TARGETID {target_id} is not in the catalog")

    with pytest.raises(DataError, match=r"line 2: TARGETID .* is not in the catalog"):
        taken(fresh("other"), f"{HEAD}{FIRST},ada,KNOWN,,\n".encode(), Format.CSV, known=known)


def test_one_reviewer_brings_nothing_in_the_name_of_another(fresh):
    store = fresh("mine", ("ada", "ben"))
    content = f"{HEAD}{FIRST},ada,KNOWN,,\n".encode()
    with pytest.raises(DataError, match="only a lead"):
        taken(store, content, Format.CSV, by="ben", only_own=True)


def test_an_entry_that_says_something_else_is_a_conflict_and_nothing_is_taken_in(filled):
    before = filled.counts().n_entries
    changed = written(filled, Format.CSV).replace(b"ARTIFACT", b"ORDINARY").decode().splitlines()
    new = changed[-1].replace(str(FIRST + 3), str(FIRST + 7)).rsplit(",", 1)[0] + f",{uuid.uuid4()}"
    with pytest.raises(ConflictError):
        taken(filled, "\n".join([changed[0], new, *changed[1:]]).encode(), Format.CSV)
    assert filled.counts().n_entries == before


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"SIMPLE", b"PAR1", b"<VOTABLE>", b"a,b\n1,2\n"])
def test_what_is_no_such_file_is_refused_in_words(fresh, format, content):
    with pytest.raises(DataError):
        taken(fresh("nothing"), content, format)


# Visual inspections as prospect writes them

PROSPECT = ",".join(FIELDS)


def prospect_row(quality="4", issue="", z="", spectype="", comment=""):
    return f"{FIRST},1,20200703,65432,0.33.3,0.22.2,1.0,QSO,0.22,Desi Arnaz,{quality},{issue},{z},{spectype},{comment}"


@pytest.mark.parametrize(
    ("row", "verdict", "subtype", "confidence"),
    [
        (prospect_row("4", "", "", "QSO"), "ORDINARY", None, 3),
        (prospect_row("2"), "ORDINARY", None, 1),
        (prospect_row("1"), "UNSURE", None, None),
        (prospect_row("0"), "UNSURE", "too-noisy", None),
        (prospect_row("4", "C", "0.0004", "STAR"), "WRONG_REDSHIFT", "star", 3),
        (prospect_row("3", "R", "1.3", "QSO"), "WRONG_REDSHIFT", "other-z", 2),
        (prospect_row("3", "RS"), "ARTIFACT", None, 2),
        (prospect_row("4", "", "", "QSO", "Broad absorption line quasar (BAL)"), "KNOWN", "bal", 3),
    ],
)
def test_what_prospect_says_has_a_kind_and_goes_out_again_as_it_came(fresh, row, verdict, subtype, confidence):
    store = fresh("vi")
    assert taken(store, f"{PROSPECT}\n{row}\n".encode(), Format.DESI_VI).made == ("Desi Arnaz",)
    (entry,) = standing(store.verdicts())
    assert (entry.verdict, entry.subtype, entry.confidence) == (verdict, subtype, confidence)
    (back,) = read_table(write_inspection([entry], {}), Format.DESI_VI)
    (came,) = read_table(f"{PROSPECT}\n{row}\n".encode(), Format.DESI_VI)
    for name in ("TARGETID", "VI_scanner", "VI_quality", "VI_issue", "VI_spectype"):
        assert back[1][name] == came[1][name], name
    assert float(back[1]["VI_z"] or "nan") == pytest.approx(float(came[1]["VI_z"] or "nan"), nan_ok=True)


def test_commas_as_prospect_writes_them(fresh):
    store = fresh("comma")
    row = prospect_row(comment='nice"," very ""odd""')
    taken(store, f"{PROSPECT}\n{row}\n".encode(), Format.DESI_VI)
    assert standing(store.verdicts())[0].comment == 'nice, very "odd"'


@pytest.mark.parametrize(
    ("row", "why"), [(prospect_row("5"), "VI_quality"), (prospect_row("4", "X"), "VI_issue"),
                     (prospect_row("4", "", "", "LRG"), "VI_spectype"), (prospect_row("4", "", "1e9"), "z is")],
)  # fmt: skip
def test_what_prospect_does_not_write_is_refused(fresh, row, why):
    with pytest.raises(DataError, match=f"line 2: {why}"):
        taken(fresh("vi"), f"{PROSPECT}\n{row}\n".encode(), Format.DESI_VI)


def test_another_table_is_no_visual_inspection():
    with pytest.raises(DataError, match="VI_scanner"):
        inspected({"TARGETID": "1"})


def test_a_table_has_the_columns_of_prospect_in_their_order(filled):
    head = written(filled, Format.DESI_VI).decode().splitlines()[0].split(",")
    assert tuple(head) == FIELDS
    assert (head[0], head[4], head[-1], len(head)) == ("TARGETID", "Spec_version", "VI_comment", 15)
