"""The pages of tables and batches in a browser, by keyboard, in a room of a group and in one of a single person."""

import importlib.util
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from argon2 import PasswordHasher

from oddqso.review.app import create_app
from oddqso.review.params import ReviewParams
from oddqso.review.room import Mode, Room
from oddqso.review.samp import NoHubError, Sent
from oddqso.review.serving import listen
from oddqso.review.source import open_source
from oddqso.review.store import NewVerdict, Role, accounts, open_store
from oddqso.vetting.verdicts import Answer, Verdict

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"
N_TABS = 90


@pytest.fixture(scope="module")
def view():
    spec = importlib.util.spec_from_file_location("serve", Path(__file__).parent / "serve.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.view


@pytest.fixture
def room(made_run, view, desk, tmp_path, monkeypatch) -> Iterator[Room]:
    """A group with a lead, ada, and a reviewer, ben, with a vetting desk; nothing is withheld."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    store = open_store(tmp_path / "review.sqlite")
    store.add_reviewer("ada", Role.LEAD, PASSWORD)
    store.add_reviewer("ben", Role.REVIEWER, PASSWORD)
    source = open_source(made_run, lambda target_ids: [view(one) for one in target_ids])
    yield Room(store, source, ReviewParams(blind=False), Mode.GROUP, desk=desk)
    store.close()


@contextmanager
def served(room: Room) -> Iterator[str]:
    """The address of a room that answers, from a thread of this process."""
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(room), log_level="warning", access_log=False, ws="none"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@dataclass
class Seat:
    """Somebody before a screen with nothing but a keyboard; what goes wrong on the page is kept."""

    page: object
    base: str
    problems: list[str] = field(default_factory=list)

    def sign_in(self, name: str) -> None:
        self.page.goto(f"{self.base}/login")
        self.type("Name", name)
        self.type("Password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.base}/")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")

    def reach(self, target) -> None:
        """Go to a control by Tab alone."""
        target.wait_for()
        for _ in range(N_TABS):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no {N_TABS} tabs lead to {target}")

    def type(self, label: str, text: str) -> None:
        self.reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, label: str, text: str) -> None:
        """Choose from a list by typing its first letters."""
        self.reach(self.page.get_by_role("combobox", name=label, exact=True))
        self.page.keyboard.type(text)

    def push(self, name: str) -> None:
        self.reach(self.page.get_by_role("button", name=name, exact=True))
        self.page.keyboard.press("Enter")

    def sees(self, text: str, where: str = "main") -> None:
        self.page.locator(where).filter(has_text=text).first.wait_for()

    def saved(self) -> None:
        self.page.wait_for_function("() => document.getElementById('outbox-state').dataset.state === 'saved'")

    def shown(self, other_than: str | None = None) -> str:
        """What is painted, when it is not what was there before."""
        self.page.wait_for_function(
            "before => (document.documentElement.dataset.shown ?? before) !== before", arg=other_than
        )
        return self.page.evaluate("document.documentElement.dataset.shown")


@pytest.fixture
def seat(browser) -> Iterator[Callable[[str], Seat]]:
    """Makes seats; none of their pages may break a rule of its own content security policy, or throw."""
    made = []

    def make(base: str) -> Seat:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(15_000)
        one = Seat(context.new_page(), base)
        one.page.on("pageerror", lambda error: one.problems.append(str(error)))
        one.page.on("console", lambda line: one.problems.append(line.text) if "Security" in line.text else None)
        made.append((one, context))
        return one

    yield make
    for _, context in made:
        context.close()
    assert not [problem for one, _ in made for problem in one.problems]


@pytest.fixture
def base(room) -> Iterator[str]:
    with served(room) as address:
        yield address


def say(room, name, target_id, verdict) -> None:
    verdict = NewVerdict(client_id=str(uuid.uuid4()), target_id=target_id, verdict=verdict)
    room.store.add_verdict(room.store.reviewer(name).id, verdict)


def test_a_batch_is_judged_to_its_end_and_the_certificate_moves(seat, base, desk):
    me = seat(base)
    me.sign_in("ada")
    me.open("/vetting")
    me.sees("No batch is drawn yet", "#nothing")
    me.page.locator("#groups tr").first.wait_for()
    before = me.page.inner_text("#groups")
    me.type("Items", "12")
    me.push("Draw a batch")
    item, n = me.shown(), 0
    me.page.evaluate("document.activeElement.blur()")
    rows = {row["ITEM"]: row for row in next(iter(desk.ledger().keys.values())).to_pylist()}
    while True:
        me.page.keyboard.press("o" if rows[item]["KIND"] == "ordinary" else "a")
        n += 1
        if n == len(rows):
            break
        item = me.shown(item)
    me.sees("this batch is done", "#place")
    me.saved()
    me.sees(f"{n} items of {n} judged.", "#counted")
    me.page.wait_for_function("before => document.getElementById('groups').innerText !== before", arg=before)
    me.sees("The run says the same.", "#update")
    me.page.locator("#vetters").get_by_text("ada").wait_for()
    assert len(desk.ledger().entries) == n
    assert desk.is_current()


def test_a_lead_settles_what_two_say_of_an_object_and_of_an_item(seat, base, room, desk):
    target_id = int(room.source.target_id[3])
    say(room, "ada", target_id, "ANOMALY")
    say(room, "ben", target_id, "ORDINARY")
    item = desk.items("ada", desk.draw(12))[0]["item"]
    for name, verdict in (("ada", Verdict.ANOMALY), ("ben", Verdict.ARTIFACT), ("ben", Verdict.ORDINARY)):
        desk.answer(str(uuid.uuid4()), Answer(item, verdict), name)
    me = seat(base)
    me.sign_in("ada")
    me.open("/settle")
    me.sees("1 of 2 disagreements", "#place")
    me.sees(str(target_id), "#what")
    me.sees("ben", "#sides")
    me.page.keyboard.press("/")
    me.page.keyboard.type("seen again")
    me.page.keyboard.press("Escape")
    me.page.keyboard.press("k")
    me.sees(item, "#what")
    assert me.page.locator("#open").is_hidden(), "an item stays blind"
    me.page.keyboard.press("a")
    me.sees("There is nothing to settle.", "#nothing")
    me.saved()
    (label,) = room.store.labels(target_id)
    assert (label.verdict, label.state) == ("KNOWN", "settled")
    assert desk.ledger().settled()[item].verdict is Verdict.ANOMALY
    assert room.store.verdicts(target_id)[-1].comment == "seen again"


def test_a_lead_makes_an_account_deals_objects_and_changes_a_role(seat, base, room):
    me = seat(base)
    me.sign_in("ada")
    me.open("/people")
    me.type("Name", "cleo")
    me.type("Password, 10 characters or more", PASSWORD)
    me.push("Make")
    me.sees("cleo may review", "#note")
    me.choose("To", "cleo")
    me.type("the first", "7")
    me.push("Assign")
    me.sees("7 objects assigned to cleo", "#note")
    me.choose("Role of ben", "lead")
    me.sees("ben is a lead now", "#note")
    assert room.store.reviewer("ben").role is Role.LEAD
    cleo = seat(base)
    cleo.sign_in("cleo")
    row = cleo.page.get_by_role("row").filter(has_text="Assigned")
    row.wait_for()
    assert row.get_by_role("cell").nth(2).inner_text() == "7"
    assert cleo.page.get_by_role("link", name="People").count() == 0


def test_a_filter_is_saved_used_and_deleted(seat, base, room):
    me = seat(base)
    me.sign_in("ben")
    me.type("Name", "bright")
    me.type("Value", "6")
    me.push("Save")
    me.sees("Saved", "#filter-note")
    n = int((room.source.columns["SNR"] > 6).sum())
    row = me.page.get_by_role("row").filter(has_text="SNR > 6")
    row.wait_for()
    assert row.get_by_role("cell").nth(1).inner_text() == str(n)
    me.push("Review bright")
    shown = me.shown()
    assert room.source.facts(int(shown))["SNR"] > 6
    me.page.keyboard.press("o")
    me.shown(shown)
    me.saved()
    me.page.keyboard.press("q")
    me.page.wait_for_url(f"{base}/")
    row.wait_for()
    assert row.get_by_role("cell").nth(2).inner_text() == str(n - 1)
    me.push("Delete bright")
    row.wait_for(state="detached")
    assert room.store.filters(room.store.reviewer("ben").id) == []


def test_agreement_is_shown_for_each_pair(seat, base, room):
    for place in range(6):
        target_id = int(room.source.target_id[place])
        say(room, "ada", target_id, "ANOMALY" if place % 2 else "ORDINARY")
        say(room, "ben", target_id, "ANOMALY" if place % 3 else "ORDINARY")
    me = seat(base)
    me.sign_in("ben")
    me.open("/agreement")
    row = me.page.locator("#odd tr").first
    row.wait_for()
    assert [cell.inner_text() for cell in row.locator("td, th").all()][1] == "6"


class Hub:
    """Where messages would go."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send_spectrum(self, content, name):
        if self.sent:
            raise NoHubError("no SAMP hub runs on this machine: start TOPCAT or Aladin")
        self.sent.append(name)
        return Sent("spectrum.load.ssa-generic", ("SPLAT",))


def test_a_spectrum_is_sent_to_other_programs_by_a_key(seat, room):
    """And who has no hub is told so; a group, on another machine, has no such key."""
    hub = Hub()
    alone = replace(room, mode=Mode.LAPTOP, samp=hub, local=room.store.ensure_local_reviewer("me"))
    target_id = room.source.target_id[0]
    with served(alone) as base:
        me = seat(base)
        me.open(f"/?token={alone.launch.new()}")
        me.open(f"/object/{target_id}?queue=score")
        me.shown()
        me.page.keyboard.press("h")
        me.sees("Sent to SPLAT.", "#place")
        assert hub.sent == [f"TARGETID {target_id}"]
        me.push("send to TOPCAT h")
        me.sees("no SAMP hub runs", "#problem")
    with served(room) as base:
        me = seat(base)
        me.sign_in("ben")
        me.open(f"/object/{target_id}?queue=score")
        me.shown()
        assert me.page.locator("#send").count() == 0
        me.page.keyboard.press("?")
        assert "TOPCAT" not in me.page.inner_text("dialog")
