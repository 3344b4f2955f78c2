import dataclasses

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oddqso.errors import ConflictError, DataError, StoreError
from oddqso.review.store import NewVerdict
from oddqso.review.store.verdicts import MOST_UNDOINGS

IDS = (-(2**63), -1, 0, 2**53 + 1, 39_627_770_000_000_001, 2**63 - 1)


def test_what_was_said_comes_back_to_the_bit(store, say, clock):
    ada = store.add_reviewer("Ada")
    said = say(
        39_627_770_000_000_001, "ANOMALY", subtype="felobal", interest=5, confidence=1, z=2.345678901234567,
        comment="Å → 🌌 <script>'; DROP TABLE verdicts;--\n", tags=("Fe II", "überlappend"), flagged=True,
        queue="score", seconds=3.25,
    )  # fmt: skip
    stored, new = store.add_verdict(ada.id, said)
    assert new
    for field in dataclasses.fields(NewVerdict):
        assert getattr(stored, field.name) == getattr(said, field.name)
    assert (stored.reviewer, stored.time, stored.undoes, stored.undone) == (
        "Ada",
        "2026-05-04T03:02:01.000000Z",
        None,
        False,
    )
    assert store.verdicts() == [stored]


@pytest.mark.parametrize("target_id", IDS)
def test_any_int64_is_a_target_id(store, say, target_id):
    ada = store.add_reviewer("ada")
    store.add_verdict(ada.id, say(target_id, "ORDINARY"))
    assert [one.target_id for one in store.verdicts(target_id=target_id)] == [target_id]
    assert store.current()["TARGETID"].to_pylist() == [target_id]
    assert store.labels(target_id)[0].target_id == target_id


def test_sent_twice_it_is_stored_once(store, say):
    ada, said = store.add_reviewer("ada"), say(7, "KNOWN", tags=("a", "b"), z=1.1)
    first, new = store.add_verdict(ada.id, said)
    again, new_again = store.add_verdict(ada.id, said)
    assert (new, new_again) == (True, False)
    assert again == first
    assert len(store.verdicts()) == 1


def test_the_same_client_id_with_another_content_is_a_conflict(store, say):
    ada, said = store.add_reviewer("ada"), say(7, "KNOWN")
    store.add_verdict(ada.id, said)
    with pytest.raises(ConflictError, match=r"entry 1 .* differs in verdict; send a new one with a new UUID"):
        store.add_verdict(ada.id, dataclasses.replace(said, verdict="ARTIFACT"))
    with pytest.raises(ConflictError, match="differs in settles"):
        store.add_verdict(ada.id, said, settles=True)
    assert len(store.verdicts()) == 1


def test_two_reviewers_may_use_one_client_id(store, say):
    said = say(7, "KNOWN")
    for name in ("ada", "bob"):
        assert store.add_verdict(store.add_reviewer(name).id, said)[1]
    assert store.counts().by_reviewer == {"ada": 1, "bob": 1}


def test_the_last_verdict_holds_and_the_log_keeps_all(store, say):
    ada = store.add_reviewer("ada")
    for word in ("UNSURE", "ARTIFACT", "ANOMALY"):
        store.add_verdict(ada.id, say(7, word))
    assert store.current()["VERDICT"].to_pylist() == ["ANOMALY"]
    assert [one.verdict for one in store.verdicts()] == ["UNSURE", "ARTIFACT", "ANOMALY"]


def test_the_first_verdict_is_told_apart_unless_it_was_undone(store, say):
    ada = store.add_reviewer("ada")
    slip, _ = store.add_verdict(ada.id, say(7, "UNSURE"))
    store.undo(ada.id, slip.id, "undoing-1")
    store.add_verdict(ada.id, say(7, "KNOWN"), settles=True)
    for word in ("ARTIFACT", "ANOMALY"):
        store.add_verdict(ada.id, say(7, word))
    assert store.first_verdicts()["VERDICT"].to_pylist() == ["ARTIFACT"]
    assert store.first_verdicts(taken_back=True)["VERDICT"].to_pylist() == ["UNSURE"]
    assert store.first_verdicts("bob").num_rows == 0


def test_no_verdict_goes_back_and_forth_without_end(store, say):
    ada = store.add_reviewer("ada")
    entry, _ = store.add_verdict(ada.id, say(7, "KNOWN"))
    for k in range(MOST_UNDOINGS):
        entry = store.undo(ada.id, entry.id, f"undoing-{k}")
    with pytest.raises(ConflictError, match="give a new verdict"):
        store.undo(ada.id, entry.id, "undoing-again")
    assert store.undo(ada.id, entry.undoes, entry.client_id) == entry, "sent again"
    store.add_verdict(ada.id, say(7, "ANOMALY"))
    assert store.current()["VERDICT"].to_pylist() == ["ANOMALY"]


def test_undo_falls_back_and_undoing_that_goes_forth_again(store, say):
    ada = store.add_reviewer("ada")
    store.add_verdict(ada.id, say(7, "KNOWN"))
    second, _ = store.add_verdict(ada.id, say(7, "ARTIFACT"))
    last, expected = second.id, "ARTIFACT"
    for turn in range(5):
        undoing = store.undo(ada.id, last, f"undoing-{turn}")
        assert (undoing.undoes, undoing.target_id) == (last, 7)
        last, expected = undoing.id, "KNOWN" if expected == "ARTIFACT" else "ARTIFACT"
        assert store.current()["VERDICT"].to_pylist() == [expected]
        undone = {one.id: one.undone for one in store.verdicts()}
        assert undone[second.id] == (expected == "KNOWN")
        assert not undone[last]
    assert len(store.verdicts()) == 7


def test_all_undone_means_no_label(store, say):
    ada = store.add_reviewer("ada")
    only, _ = store.add_verdict(ada.id, say(7, "KNOWN"))
    store.undo(ada.id, only.id, "undoing-1")
    assert store.current().num_rows == 0
    assert store.labels() == []


def test_undo_sent_twice_is_one_undo(store, say):
    ada = store.add_reviewer("ada")
    only, _ = store.add_verdict(ada.id, say(7, "KNOWN"))
    assert store.undo(ada.id, only.id, "undoing-1") == store.undo(ada.id, only.id, "undoing-1")
    with pytest.raises(ConflictError, match="entry 1 is undone already"):
        store.undo(ada.id, only.id, "undoing-2")


def test_a_client_id_of_a_verdict_cannot_undo(store, say):
    ada, said = store.add_reviewer("ada"), say(7, "KNOWN")
    only, _ = store.add_verdict(ada.id, said)
    with pytest.raises(ConflictError):
        store.undo(ada.id, only.id, said.client_id)


def test_only_ones_own_can_be_undone(store, say):
    ada, bob = store.add_reviewer("ada"), store.add_reviewer("bob")
    only, _ = store.add_verdict(ada.id, say(7, "KNOWN"))
    with pytest.raises(DataError, match="somebody else's"):
        store.undo(bob.id, only.id, "undoing-1")
    with pytest.raises(DataError, match="there is no entry 99"):
        store.undo(bob.id, 99, "undoing-1")


def test_who_is_not_there_or_disabled_says_nothing(store, say):
    with pytest.raises(DataError, match="there is no reviewer 5"):
        store.add_verdict(5, say(7, "KNOWN"))
    ada = store.add_reviewer("ada")
    store.disable(ada.id)
    with pytest.raises(DataError, match="the account ada is disabled"):
        store.add_verdict(ada.id, say(7, "KNOWN"))


def test_numbers_and_words_that_no_database_keeps_are_refused_by_both(store):
    ada, huge = store.add_reviewer("ada"), 2**70
    for act in (
        lambda: store.undo(ada.id, huge, "undoing-1"),
        lambda: store.undo(huge, 1, "undoing-1"),
        lambda: store.verdicts(target_id=huge),
        lambda: store.verdicts(since_id=huge),
        lambda: store.verdicts(limit=-1),
        lambda: store.delete_filter(ada.id, huge),
        lambda: store.revoke_token(huge),
        lambda: store.set_role(huge, "lead"),
        lambda: store.remove_gold(huge, "ada"),
        lambda: store.unassign([1], ada.id, "\ud800", "ada"),
    ):
        with pytest.raises(DataError):
            act()


def test_a_word_that_nobody_bears_finds_nothing(store, say):
    store.add_verdict(store.add_reviewer("ada").id, say(7, "KNOWN"))
    for name in ("bob", "", "x' OR '1'='1", "%"):
        assert store.verdicts(reviewer=name) == []
        assert store.current(reviewer=name).num_rows == 0


def test_labels_follow_those_who_agree_and_the_lead_who_settles(store, say):
    people = [store.add_reviewer(name) for name in ("ada", "bob", "cleo")]
    ada, bob, cleo = (one.id for one in people)

    def label():
        (one,) = store.labels()
        return one.verdict, one.subtype, one.state, one.n_reviewers

    store.add_verdict(ada, say(7, "UNSURE"))
    assert label() == ("UNSURE", None, "single", 1)
    store.add_verdict(bob, say(7, "KNOWN", subtype="bal", interest=2, z=2.0))
    assert label() == ("KNOWN", "bal", "single", 2)
    store.add_verdict(cleo, say(7, "KNOWN", subtype="dla", interest=5))
    assert label() == ("KNOWN", None, "agreed", 3)
    assert (store.labels()[0].interest, store.labels()[0].z) == (3.5, 2.0)
    store.add_verdict(ada, say(7, "ARTIFACT"))
    assert label() == (None, None, "disputed", 3)
    settlement, _ = store.add_verdict(ada, say(7, "WRONG_REDSHIFT", subtype="star", z=0.0), settles=True)
    assert label() == ("WRONG_REDSHIFT", "star", "settled", 3)
    assert store.labels()[0].z == 0.0
    assert store.current("ada")["VERDICT"].to_pylist() == ["ARTIFACT"]
    store.undo(ada, settlement.id, "undoing-1")
    assert label() == (None, None, "disputed", 3)


def test_a_settlement_alone_is_a_label(store, say):
    ada = store.add_reviewer("ada")
    store.add_verdict(ada.id, say(7, "KNOWN"), settles=True)
    (label,) = store.labels()
    assert (label.verdict, label.state, label.n_reviewers) == ("KNOWN", "settled", 0)
    assert store.current().num_rows == 0


def test_the_log_is_read_by_object_reviewer_and_from_an_entry_on(store, say):
    ada, bob = store.add_reviewer("ada"), store.add_reviewer("Bob")
    for target_id in (1, 2, 3):
        for one in (ada, bob):
            store.add_verdict(one.id, say(target_id, "ORDINARY"))
    assert [one.target_id for one in store.verdicts(reviewer="bob")] == [1, 2, 3]
    assert [one.reviewer for one in store.verdicts(target_id=2)] == ["ada", "Bob"]
    assert [one.id for one in store.verdicts(since_id=4)] == [5, 6]
    assert [one.id for one in store.verdicts(limit=2)] == [1, 2]
    assert store.last_id() == 6
    counts = store.counts()
    assert (counts.n_entries, counts.n_objects, counts.last_id) == (6, 3, 6)
    assert counts.by_verdict == {"ORDINARY": 6}


def test_an_empty_store_counts_nothing(store):
    assert store.last_id() == 0
    assert store.counts().n_entries == 0
    assert store.current().num_rows == 0


@pytest.mark.parametrize("table", ["verdicts", "audit"])
@pytest.mark.parametrize("change", ["UPDATE {} SET time = 'never'", "DELETE FROM {}"])
def test_the_database_itself_refuses_changes(store, say, table, change):
    ada = store.add_reviewer("ada")
    store.add_verdict(ada.id, say(7, "KNOWN"), settles=True)
    with pytest.raises(StoreError, match="append-only"), store.database.writing() as connection:
        connection.execute(sa.text(change.format(table)))
    assert store.verdicts()[0].time != "never"
    assert len(store.audit_trail()) == 2


def test_postgresql_refuses_to_truncate(store):
    if store.database.is_sqlite:
        return  # SQLite has no such statement
    with pytest.raises(StoreError, match="append-only"), store.database.writing() as connection:
        connection.execute(sa.text("TRUNCATE verdicts CASCADE"))


def test_sqlite_refuses_to_replace(store, say):
    if not store.database.is_sqlite:
        return  # PostgreSQL has no such statement
    ada = store.add_reviewer("ada")
    store.add_verdict(ada.id, say(7, "KNOWN"))
    columns = "client_id, reviewer_id, time, target_id, verdict, comment, tags, flagged, queue, settles"
    for key, where in (("id,", "id,"), ("", "")):
        with pytest.raises(StoreError, match="append-only"), store.database.writing() as connection:
            connection.execute(
                sa.text(f"INSERT OR REPLACE INTO verdicts ({key}{columns}) SELECT {where}{columns} FROM verdicts")
            )


@given(words=st.lists(st.tuples(st.sampled_from(["add", "undo", "redo"]), st.integers(0, 4)), max_size=25))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_verdicts_and_undoings_gives_what_a_plain_list_gives(store, say, words):
    """The view over the log against a model that deletes and puts back."""
    name = f"r{store.last_id()}-{len(store.reviewers())}"
    me = store.add_reviewer(name)
    held: list[tuple[int, int]] = []  # (entry, object), of entries that stand
    tops: dict[int, tuple[int, bool]] = {}  # of each verdict the end of its chain, and whether it stands
    objects: dict[int, int] = {}
    for turn, (what, number) in enumerate(words):
        if what == "add" or not tops:
            stored, _ = store.add_verdict(me.id, say(number, "KNOWN", interest=turn % 6))
            tops[stored.id], objects[stored.id] = (stored.id, True), number
        else:
            root = sorted(tops)[number % len(tops)]
            top, stands = tops[root]
            tops[root] = (store.undo(me.id, top, f"undoing-{turn}").id, not stands)
    held = [(root, objects[root]) for root, (_, stands) in tops.items() if stands]
    expected = {target_id: max(root for root, one in held if one == target_id) for _, target_id in held}
    current = store.current(reviewer=name)
    assert dict(zip(current["TARGETID"].to_pylist(), current["ID"].to_pylist(), strict=True)) == expected
    undone = {one.id: one.undone for one in store.verdicts(reviewer=name)}
    assert {root: not stands for root, (_, stands) in tops.items()} == {root: undone[root] for root in tops}
