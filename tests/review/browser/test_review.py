"""A review in a browser, by keys; and what happens to it when things break."""

from collections import Counter

import pytest

pytestmark = pytest.mark.browser


def test_twenty_objects_are_reviewed_by_keyboard_alone(reader, server):
    """An easy object takes one key."""
    me = reader()
    seen = [me.open()]
    for n in range(19):
        seen.append(me.go_on("oaruwk"[n % 6]))
    me.press("o")
    me.saved()
    stored = server.verdicts()
    assert [str(one.target_id) for one in stored] == seen
    assert len(set(seen)) == 20
    assert [one.verdict for one in stored][:3] == ["ORDINARY", "ANOMALY", "ARTIFACT"]
    assert all(one.queue == "score" and one.seconds >= 0 for one in stored)


def test_a_full_verdict_by_keys(reader, server):
    """Interest, confidence, flag, comment, tags, corrected z and sub-type go with the class."""
    me = reader()
    first = me.open(28)
    me.press("4", "c", "c", "f", "/")
    me.page.keyboard.type("a <b>trough</b> at 1400")
    me.press("Enter", "#")
    me.page.keyboard.type("bal, look again")
    me.press("Escape", ">", "v", "A")
    me.go_on("f")
    me.saved()
    (one,) = server.verdicts()
    assert (str(one.target_id), one.verdict, one.subtype) == (first, "ANOMALY", "felobal")
    assert (one.interest, one.confidence, one.flagged) == (4, 2, True)
    assert (one.comment, one.tags) == ("a <b>trough</b> at 1400", ("bal", "look again"))
    assert one.z > 1.5
    me.page.go_back()
    me.wait(first)
    assert me.page.input_value("#comment") == "a <b>trough</b> at 1400"
    assert me.page.get_attribute('[data-verdict="ANOMALY"]', "aria-pressed") == "true"


def test_a_change_after_the_class_is_saved_at_once(reader, server):
    me = reader()
    me.open(36)
    me.page.uncheck("#advance")
    me.press("o", "3")
    me.saved()
    assert [(one.verdict, one.interest) for one in server.verdicts()] == [("ORDINARY", None), ("ORDINARY", 3)]


def test_a_draft_survives_a_reload(reader):
    me = reader()
    first = me.open(44)
    me.press("2", "f")
    me.page.reload()
    me.wait(first)
    assert me.page.get_attribute('[data-interest="2"]', "aria-pressed") == "true"
    assert me.page.get_attribute("#flag", "aria-pressed") == "true"


def test_a_killed_server_loses_nothing_and_stores_nothing_twice(reader, server):
    """kill -9 in the middle; the page goes on, keeps what was decided through a reload, and sends it once."""
    me = reader()
    seen = [me.open(52)]
    seen += [me.go_on("o"), me.go_on("a")]
    me.page.wait_for_timeout(400)  # what comes next is fetched ahead
    server.kill()
    seen += [me.go_on("r"), me.go_on("w")]
    me.press("u")
    me.page.wait_for_function("() => document.getElementById('outbox-state').textContent.startsWith('waiting 3')")
    server.start()
    me.page.reload()
    me.saved()
    stored = server.verdicts()
    assert [str(one.target_id) for one in stored] == seen
    assert [one.verdict for one in stored] == ["ORDINARY", "ANOMALY", "ARTIFACT", "WRONG_REDSHIFT", "UNSURE"]
    assert max(Counter(one.client_id for one in stored).values()) == 1


def test_a_lost_answer_is_not_a_second_verdict(reader, server):
    """The network drops after the server has stored, before the page hears of it: the page sends again."""
    me = reader()
    me.open(60)
    sent = []

    def lose(route):
        sent.append(route.request.post_data_json["client_id"])
        if len(sent) == 1:
            route.fetch()
            route.abort()
        elif len(sent) == 2:
            route.abort()
        else:
            route.continue_()

    me.page.route("**/api/v1/verdicts", lose)
    me.go_on("a")
    me.page.wait_for_function("() => document.getElementById('outbox-state').dataset.state !== 'saved'")
    me.saved()
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert [one.verdict for one in server.verdicts()] == ["ANOMALY"]


def test_undo_takes_back_the_last_and_shows_it(reader, server):
    me = reader()
    first = me.open(68)
    me.go_on("r")
    me.press("Backspace")
    me.wait(first)
    me.saved()
    entries = server.verdicts()
    assert len(entries) == 2
    assert entries[1].undoes == entries[0].id
    assert me.page.locator('[data-verdict][aria-pressed="true"]').count() == 0


def test_what_was_asked_before_the_undoing_is_not_shown_after_it(reader, server):
    """The answer that still holds the verdict comes last: after the undoing, and after what was asked anew."""
    me = reader()
    first = me.open(84)
    early, undoing = [], []

    def hold(route):
        if early:
            route.continue_()
        else:
            early.append((route, route.fetch()))

    me.go_on("r")
    me.saved()
    me.page.route(f"**/api/v1/objects/{first}", hold)
    me.page.route("**/undo", lambda route: undoing.append(route))
    me.press("Backspace")
    while not (early and undoing):
        me.page.wait_for_timeout(20)
    undoing[0].continue_()
    me.saved()
    me.page.wait_for_timeout(300)
    route, answer = early[0]
    route.fulfill(response=answer)
    me.wait(first)
    me.page.wait_for_timeout(300)
    assert answer.json()["my_verdict"]["verdict"] == "ARTIFACT"
    assert me.page.locator('[data-verdict][aria-pressed="true"]').count() == 0


def test_undo_of_what_still_waits(reader, server):
    """Verdict and undoing both wait for the network; they arrive in their order."""
    me = reader()
    first = me.open(76)
    me.page.route("**/api/v1/verdicts**", lambda route: route.abort())
    me.go_on("r")
    me.press("Backspace")
    me.wait(first)
    me.page.unroute("**/api/v1/verdicts**")
    me.saved()
    entries = server.verdicts()
    assert [entry.undoes is None for entry in entries] == [True, False]
    assert entries[1].undoes == entries[0].id


def test_two_browsers_at_once(reader, server):
    """Both keep what they decided, and each sees what the other did."""
    one, other = reader(), reader()
    first = one.open(110)
    assert other.open(110) == first
    one.press("a")
    other.press("r")
    one.saved()
    other.saved()
    assert sorted(entry.verdict for entry in server.verdicts()) == ["ANOMALY", "ARTIFACT"]


def test_a_class_is_taken_when_keys_come_fast(reader, server):
    """Keys that are pressed before the next spectrum is there do not judge it unseen."""
    me = reader()
    first = me.open(92)
    me.page.evaluate(
        """() => { for (let i = 0; i < 5; i++)
        document.dispatchEvent(new KeyboardEvent('keydown', {key: 'o', bubbles: true})) }"""
    )
    me.page.wait_for_function("id => document.documentElement.dataset.shown !== id", arg=first)
    me.saved()
    assert {str(one.target_id) for one in server.verdicts()} == {first}
