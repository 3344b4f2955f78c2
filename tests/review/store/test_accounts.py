import dataclasses
from datetime import timedelta

import pytest
import sqlalchemy as sa

from oddqso.errors import ConflictError, DataError
from oddqso.review.store import Role

HOUR = timedelta(hours=1)


def test_a_password_lets_its_owner_in_and_nobody_else(store):
    ada = store.add_reviewer("Zoë", "lead", "correct horse battery")
    assert store.check_password("Zoë", "correct horse battery") == ada
    assert store.check_password(" zOE\u0308 ", "correct horse battery") == ada
    for name, password in (("Zoë", "wrong horse battery"), ("Zoë", ""), ("eve", "correct horse battery"), ("\0", "\0")):
        assert store.check_password(name, password) is None


def test_without_a_password_nobody_gets_in(store):
    store.add_reviewer("ada")
    for password in ("", "None", "ada"):
        assert store.check_password("ada", password) is None


def test_passwords_and_tokens_are_nowhere_in_the_database(store):
    ada = store.add_reviewer("ada", password="correct horse battery")
    token, csrf = store.open_session(ada.id, HOUR)
    api_token = store.api_token(ada.id, "script")
    with store.database.reading() as connection:
        rows = [
            str(list(connection.execute(sa.text(f"SELECT * FROM {table}"))))
            for table in sa.inspect(connection).get_table_names()
        ]
    for secret in ("correct horse battery", token, csrf, api_token, api_token.removeprefix("oddqso_")):
        assert not any(secret in row for row in rows)


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "null\0null\0null", "half \ud800 a character"])
def test_passwords_that_cannot_be_used_are_refused(store, password):
    with pytest.raises(DataError, match="the password"):
        store.add_reviewer("ada", password=password)
    assert store.reviewers() == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "x" * 65, "\u202eevil", "\ud800"])
def test_names_that_cannot_be_used_are_refused(store, name):
    with pytest.raises(DataError, match="the name"):
        store.add_reviewer(name)


def test_a_name_is_taken_in_any_case(store):
    store.add_reviewer("Ada")
    with pytest.raises(ConflictError, match="there is a reviewer ADA already"):
        store.add_reviewer("ADA")
    assert store.reviewer("aDa").name == "Ada"
    assert store.reviewer("bob") is None


def test_an_unknown_role_is_refused(store):
    with pytest.raises(DataError, match="'boss' is no role; write one of reviewer, lead"):
        store.add_reviewer("ada", "boss")


def test_a_new_password_ends_all_sessions(store):
    ada = store.add_reviewer("ada", password="correct horse battery")
    token, _ = store.open_session(ada.id, HOUR)
    store.set_password(ada.id, "battery horse correct")
    assert store.session(token) is None
    assert store.check_password("ada", "correct horse battery") is None
    assert store.check_password("ada", "battery horse correct") == ada


def test_a_disabled_account_is_shut_everywhere_and_can_be_opened_again(store):
    ada = store.add_reviewer("ada", password="correct horse battery")
    token, _ = store.open_session(ada.id, HOUR)
    api_token = store.api_token(ada.id, "script")
    store.disable(ada.id)
    assert store.session(token) is None
    assert store.reviewer_of_token(api_token) is None
    assert store.check_password("ada", "correct horse battery") is None
    with pytest.raises(DataError, match="disabled"):
        store.ensure_local_reviewer("ada")
    store.disable(ada.id, False)
    assert store.check_password("ada", "correct horse battery") == ada
    assert store.session(token) is None


def test_tokens_work_until_revoked(store):
    ada, bob = store.add_reviewer("ada"), store.add_reviewer("bob")
    first, second = store.api_token(ada.id, "one"), store.api_token(bob.id, "two")
    assert (store.reviewer_of_token(first), store.reviewer_of_token(second)) == (ada, bob)
    (told,) = store.api_tokens(ada.id)
    assert (told.reviewer, told.name, told.revoked) == ("ada", "one", False)
    store.revoke_token(told.id)
    assert store.reviewer_of_token(first) is None
    assert store.reviewer_of_token(second) == bob
    assert store.reviewer_of_token("") is None
    with pytest.raises(DataError, match="there is no token 9"):
        store.revoke_token(9)


def test_the_local_reviewer_is_a_lead_and_made_once(store):
    me = store.ensure_local_reviewer("me")
    assert (me.role, me.has_password) == (Role.LEAD, False)
    assert store.ensure_local_reviewer("me") == me
    assert len(store.reviewers()) == 1


def test_a_session_ends_by_age_by_idleness_and_by_closing(store, clock):
    ada = store.add_reviewer("ada")
    token, csrf = store.open_session(ada.id, HOUR, idle=timedelta(minutes=10))
    other, _ = store.open_session(ada.id, HOUR)
    assert store.session(token) == (ada, csrf)
    for _ in range(3):
        clock.move(minutes=9)
        assert store.session(token) == (ada, csrf)
    clock.move(minutes=11)
    assert store.session(token) is None
    assert store.session(other) is not None
    clock.move(hours=1)
    assert store.session(other) is None
    third, _ = store.open_session(ada.id, HOUR)
    store.close_session(third)
    assert store.session(third) is None
    assert store.session("no such token") is None


def test_sessions_have_different_tokens_and_csrf_words(store):
    ada = store.add_reviewer("ada")
    pairs = [store.open_session(ada.id, HOUR) for _ in range(5)]
    assert len({word for pair in pairs for word in pair}) == 10


def test_all_sessions_of_one_reviewer_can_be_closed(store):
    ada, bob = store.add_reviewer("ada"), store.add_reviewer("bob")
    tokens = [store.open_session(one.id, HOUR)[0] for one in (ada, ada, bob)]
    store.close_sessions_of(ada.id)
    assert [store.session(token) is None for token in tokens] == [True, True, False]


def test_attempts_are_counted_by_name_and_by_address_in_a_window(store, clock):
    window = timedelta(minutes=15)
    for number in range(3):
        assert store.note_attempt("Ada", "10.0.0.1", window).by_name == number + 1
    assert store.note_attempt("ada ", "10.0.0.2", window) == store.login_attempts("ADA", "10.0.0.2", window)
    assert dataclasses.astuple(store.login_attempts("ada", "10.0.0.1", window)) == (4, 3)
    clock.move(minutes=16)
    assert dataclasses.astuple(store.login_attempts("ada", "10.0.0.1", window)) == (0, 0)
    store.note_attempt("ada", "10.0.0.1", window)
    store.note_attempt("ada", "10.0.0.9", window)
    store.forget_attempts("ada", "10.0.0.1")
    assert dataclasses.astuple(store.login_attempts("ada", "10.0.0.1", window)) == (1, 0)


def test_attempts_take_any_text(store):
    window = timedelta(minutes=15)
    for name in ("\0", "\ud800", "x" * 100_000, "'; DROP TABLE attempts; --", ""):
        assert store.note_attempt(name, "\0\ud800" * 100, window).by_name == 1


def test_what_is_done_to_accounts_stands_in_the_trail(store):
    ada = store.add_reviewer("ada", "lead", by="root")
    store.set_password(ada.id, "correct horse battery", by="ada")
    store.disable(ada.id, by="eve")
    told = [(entry.by, entry.action, entry.subject) for entry in store.audit_trail()]
    assert told == [("root", "add reviewer", "ada (lead)"), ("ada", "set password", "ada"), ("eve", "disable", "ada")]
    assert [entry.id for entry in store.audit_trail(since_id=1, limit=1)] == [2]
