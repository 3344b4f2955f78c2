"""What leads do with accounts."""

import pytest


def number_of(person) -> int:
    return person.get("/me").json()["id"]


def change(lead, person, **what):
    return lead.send("PATCH", f"/reviewers/{number_of(person)}", what)


def test_a_role_changes_at_once_and_is_noted(room, sign_in):
    """Whoever is signed in stays so, with what the new role may do."""
    ada, ben = sign_in(room, "ada"), sign_in(room, "ben")
    assert ben.get("/reviewers").status_code == 403
    assert change(ada, ben, role="lead").json()["role"] == "lead"
    assert ben.get("/reviewers").status_code == 200
    assert change(ben, ada, role="reviewer").json()["role"] == "reviewer"
    assert ada.get("/reviewers").status_code == 403
    last = room.store.audit_trail()[-2:]
    assert [(one.by, one.subject) for one in last] == [("ada", "ben (lead)"), ("ben", "ada (reviewer)")]


@pytest.mark.parametrize("role", ["owner", "", "LEAD"])
def test_a_role_that_is_none_is_refused(room, sign_in, role):
    ada, ben = sign_in(room, "ada"), sign_in(room, "ben")
    assert change(ada, ben, role=role, disabled=True).status_code == 422
    assert ben.get("/me").json()["role"] == "reviewer", "and nothing else of the request is done"


def test_a_room_keeps_a_lead_and_reviewers_change_no_role(room, sign_in):
    ada, ben = sign_in(room, "ada"), sign_in(room, "ben")
    assert change(ada, ada, role="reviewer").status_code == 422
    assert change(ada, ada, role="lead").status_code == 200
    assert change(ben, ben, role="lead").status_code == 403
    assert ben.send("PATCH", "/reviewers/999", {"role": "lead"}).status_code == 403
    assert ada.send("PATCH", "/reviewers/999", {"role": "lead"}).status_code == 404
