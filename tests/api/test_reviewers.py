import os
import pty
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from oddqso import api
from oddqso.cli import app
from oddqso.errors import ConfigError, ConflictError, DataError, StoreError
from oddqso.review.store import NewVerdict, open_store

PASSWORD = "correct horse battery"


@pytest.fixture
def place(tmp_path):
    return api.StorePlace(database=tmp_path / "review.sqlite")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs `oddqso` on a store of its own; what goes wrong is raised."""
    monkeypatch.setenv("ODDQSO_DATABASE", str(tmp_path / "review.sqlite"))

    def run(*words, typed=None):
        done = CliRunner().invoke(app, [str(word) for word in words], input=typed, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_accounts_are_made_listed_changed_and_shut(command, place):
    assert "ada (lead) may review" in command(
        "reviewers", "add", "ada", "--role", "lead", "--password-stdin", typed=PASSWORD + "\n"
    )
    command("reviewers", "add", "bob", "--no-password")
    command("reviewers", "role", "bob", "lead")
    command("reviewers", "password", "bob", "--password-stdin", typed="another horse\r\n")
    command("reviewers", "disable", "ada")
    told = command("reviewers", "list")
    assert [word in told for word in ("ada", "bob", "lead", "disabled")] == [True] * 4
    command("reviewers", "disable", "ada", "--enable")
    with place.opened() as store:
        assert store.check_password("ada", PASSWORD) is not None
        assert store.check_password("bob", "another horse").role == "lead"
        assert {entry.by for entry in store.audit_trail()} == {"command line"}


def test_a_token_is_shown_once_and_can_be_revoked(command, place):
    command("reviewers", "add", "bob", "--no-password")
    token = command("reviewers", "token", "bob", "--label", "topcat").strip()
    with place.opened() as store:
        assert store.reviewer_of_token(token).name == "bob"
    told = command("reviewers", "token", "bob", "--list")
    assert "topcat" in told
    assert token not in told
    command("reviewers", "token", "bob", "--revoke", 1)
    with place.opened() as store:
        assert store.reviewer_of_token(token) is None
    with pytest.raises(DataError, match="bob has no token 7"):
        command("reviewers", "token", "bob", "--revoke", 7)


def test_no_password_is_taken_from_the_command_line_or_made_up(command, place):
    with pytest.raises(ConfigError, match="no terminal to ask for a password; use --password-stdin"):
        command("reviewers", "add", "ada", typed="")
    with pytest.raises(ConfigError, match="the standard input holds no password"):
        command("reviewers", "add", "ada", "--password-stdin", typed="\n")
    with pytest.raises(DataError, match="the password is too short"):
        command("reviewers", "add", "ada", "--password-stdin", typed="short\n")
    assert CliRunner().invoke(app, ["reviewers", "add", "ada", "--password", PASSWORD]).exit_code == 2
    assert api.list_reviewers(place) == []


@pytest.mark.parametrize(("second", "made"), [(PASSWORD, True), ("a slip of the finger", False)])
def test_a_password_is_asked_twice_and_not_shown(tmp_path, second, made):
    """In a terminal, as a person does it."""
    path = tmp_path / "review.sqlite"
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "oddqso.cli", "reviewers", "add", "ada", "--database", str(path)]
    running = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    for question, answer in ((b"Password: ", PASSWORD), (b"again: ", second)):
        while not shown.endswith(question):
            shown += os.read(ours, 1)
        os.write(ours, answer.encode() + b"\n")
    code = running.wait(timeout=60)
    shown += os.read(ours, 10_000)
    os.close(ours)
    assert PASSWORD.encode() not in shown
    assert (code == 0) == made
    assert (b"ada (reviewer) may review" if made else b"the two passwords differ") in shown
    store = open_store(path)
    assert (store.check_password("ada", PASSWORD) is not None) == made
    store.close()


def test_a_taken_name_is_told_before_a_password_is_asked(place):
    api.add_reviewer(place, "ada")
    with pytest.raises(ConflictError, match="there is a reviewer ADA already"):
        api.add_reviewer(place, "ADA", password=lambda: pytest.fail("asked"))


def test_who_is_not_there_is_told_with_those_who_are(place):
    api.add_reviewer(place, "ada")
    for act in (
        lambda: api.set_password(place, "bob", lambda: PASSWORD),
        lambda: api.disable_reviewer(place, "bob"),
        lambda: api.set_role(place, "bob", "lead"),
        lambda: api.new_token(place, "bob", "script"),
    ):
        with pytest.raises(DataError, match=r"there is no reviewer bob \(there are: ada\)"):
            act()


def test_a_store_is_backed_up_and_restored(command, tmp_path, monkeypatch):
    command("reviewers", "add", "ada", "--no-password")
    store = open_store(tmp_path / "review.sqlite")
    said = NewVerdict(client_id="entry-of-ada", target_id=-(2**63), verdict="ANOMALY", comment="Å")
    stored, _ = store.add_verdict(store.reviewer("ada").id, said)
    store.close()
    assert "1 entries, 1 reviewers" in command("store", "backup", tmp_path / "saved.sqlite")
    with pytest.raises(ConflictError, match="is there already"):
        command("store", "backup", tmp_path / "saved.sqlite")
    with pytest.raises(ConflictError, match="holds something already"):
        command("store", "restore", tmp_path / "saved.sqlite")
    monkeypatch.setenv("ODDQSO_DATABASE", str(tmp_path / "other.sqlite"))
    assert "1 entries, 1 reviewers" in command("store", "restore", tmp_path / "saved.sqlite")
    store = open_store(tmp_path / "other.sqlite")
    assert store.verdicts() == [stored]
    store.close()


def test_a_store_is_made_by_migrating_and_described_without_a_change(command, tmp_path):
    with pytest.raises(StoreError, match="there is no store"):
        command("store", "info")
    assert not (tmp_path / "review.sqlite").exists()
    assert "schema 0001" in command("store", "migrate")
    assert "schema 0001" in command("store", "info")


@pytest.mark.parametrize("words", [("reviewers", "list"), ("store", "backup", "saved.sqlite"), ("store", "info")])
def test_what_only_reads_makes_no_store(command, tmp_path, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="there is no store"):
        command(*words)
    assert list(tmp_path.iterdir()) == []


def test_one_has_to_say_which_store(tmp_path):
    with pytest.raises(ConfigError, match="say which store: --run RUN"):
        api.StorePlace()
    with pytest.raises(ConfigError, match="is no run"):
        api.StorePlace(run=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_runs_own_store_lies_in_the_run(tmp_path):
    (tmp_path / "run.json").write_text('{"settings": {}}')
    place = api.StorePlace(run=tmp_path)
    api.add_reviewer(place, "ada")
    assert (tmp_path / "review" / "review.sqlite").is_file()
