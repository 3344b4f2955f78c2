import pytest

from oddqso.errors import DataError


def test_filters_are_seen_by_their_owner_and_if_shared_by_all(store):
    ada, bob = store.add_reviewer("ada"), store.add_reviewer("bob")
    mine = store.save_filter(ada.id, "mine", {"z": [1, 2]})
    ours = store.save_filter(ada.id, "Ours Å", {"word": "Å"}, shared=True)
    assert store.filters(ada.id) == sorted([mine, ours], key=lambda one: one.name)
    assert store.filters(bob.id) == [ours]
    assert store.save_filter(ada.id, "mine", {"z": [3]}).id == mine.id
    with pytest.raises(DataError, match="you have no filter"):
        store.delete_filter(bob.id, ours.id)
    store.delete_filter(ada.id, ours.id)
    assert store.filters(bob.id) == []


@pytest.mark.parametrize(
    "spec", [{"x": float("nan")}, {"x": "\0"}, {"x": "\ud800"}, {"x": "y" * 20_000}, {"x": object()}]
)
def test_filters_that_cannot_be_kept_are_refused(store, spec):
    ada = store.add_reviewer("ada")
    with pytest.raises(DataError, match="the filter"):
        store.save_filter(ada.id, "name", spec)


def test_objects_are_dealt_once_and_are_done_with_a_current_verdict(store, say):
    ada, bob = store.add_reviewer("ada"), store.add_reviewer("bob")
    assert store.assign([3, -1, 3], ada.id, "score", "bob") == 2
    assert store.assign([3, 4], ada.id, "score", "bob") == 1
    said, _ = store.add_verdict(ada.id, say(3, "KNOWN"))
    store.add_verdict(bob.id, say(4, "KNOWN"))
    assert {one.target_id: one.done for one in store.assignments(ada.id)} == {-1: False, 3: True, 4: False}
    store.undo(ada.id, said.id, "undoing-1")
    assert not any(one.done for one in store.assignments())
    assert store.assignments(bob.id) == []
    assert store.unassign([3, 99], ada.id, "score", "bob") == 1
    assert [one.target_id for one in store.assignments(ada.id)] == [-1, 4]


def test_many_objects_are_dealt_at_once(store):
    ada = store.add_reviewer("ada")
    assert store.assign(range(2000), ada.id, "score", "ada") == 2000
    assert store.unassign(range(2000), ada.id, "score", "ada") == 2000


def test_what_cannot_be_dealt_is_refused(store):
    ada = store.add_reviewer("ada")
    for wrong in ([2**63], [1.0], [True], range(100_001)):
        with pytest.raises(DataError):
            store.assign(wrong, ada.id, "score", "ada")
    with pytest.raises(DataError, match="there is no reviewer 9"):
        store.assign([1], 9, "score", "ada")
    assert store.assignments() == []


def test_gold_items_are_set_said_anew_and_removed(store):
    store.set_gold(-5, "KNOWN", "bal", "ada")
    store.set_gold(-5, "ANOMALY", None, "ada")
    (item,) = store.gold()
    assert (item.target_id, item.verdict, item.subtype, item.by) == (-5, "ANOMALY", None, "ada")
    store.remove_gold(-5, "ada")
    assert store.gold() == []
    with pytest.raises(DataError, match="-5 is no gold item"):
        store.remove_gold(-5, "ada")
    with pytest.raises(DataError, match="no sub-type of ARTIFACT"):
        store.set_gold(-5, "ARTIFACT", "bal", "ada")
    assert [entry.action for entry in store.audit_trail()] == ["set gold", "set gold", "remove gold"]
