"""The map in a browser: selections by mouse and by keyboard, single objects, colors."""

import numpy as np
import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served_run(mapped_run):
    return mapped_run


@pytest.fixture
def me(reader):
    made = reader()
    made.page.goto(f"{made.base}/map")
    made.page.get_by_text("120 of 120 objects in view").wait_for()
    return made


def middle(page):
    box = page.locator("#map-canvas").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"] / 2


def test_a_lasso_by_mouse_leads_to_its_queue(me):
    x, y, reach = middle(me.page)
    me.page.get_by_label("selects").check()
    me.page.mouse.move(x + reach, y)
    me.page.mouse.down()
    for angle in np.linspace(0, 2 * np.pi, 40):  # back to where it began
        me.page.mouse.move(x + 0.95 * reach * np.cos(angle), y + 0.95 * reach * np.sin(angle))
    me.page.mouse.up()
    said = me.page.get_by_text("objects selected.")
    said.wait_for()
    assert 50 < int(said.inner_text().split()[0]) <= 120
    me.page.get_by_role("link", name="Review them").click()
    me.page.wait_for_function("() => document.documentElement.dataset.shown")
    assert "queue=selection-" in me.page.url


def test_a_box_by_keyboard_alone(me):
    me.page.locator("#map-canvas").focus()
    me.press("b")
    for limit in (-1000, 1000, -1000, 1000):
        me.page.keyboard.type(str(limit))
        me.press("Tab")
    me.press("Enter")
    me.page.get_by_text("120 objects selected.").wait_for()


def test_keys_zoom_move_and_open_the_object_in_the_middle(me):
    me.page.locator("#map-canvas").focus()
    me.press("+", "+", "+", "ArrowLeft", "ArrowUp")
    me.page.get_by_text("120 of 120").wait_for(state="detached")
    me.press("0")
    me.page.get_by_text("120 of 120 objects in view").wait_for()
    me.press("Enter")
    me.page.wait_for_function("() => document.documentElement.dataset.shown")
    assert "/object/" in me.page.url


def test_a_point_says_what_it_is_and_opens_by_a_click(me):
    point = me.page.evaluate("""async () => {
      const all = await (await fetch('/api/v1/map/points?limit=1')).json();
      const whole = await (await fetch('/api/v1/map')).json();
      const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
      return { id: all.target_id[0], x: floats(all.x)[0], y: floats(all.y)[0], extent: whole.extent };
    }""")
    box = me.page.locator("#map-canvas").bounding_box()
    x0, x1, y0, y1 = point["extent"]
    unit = max((x1 - x0) / box["width"], (y1 - y0) / box["height"])
    x = box["x"] + box["width"] / 2 + (point["x"] - (x0 + x1) / 2) / unit
    y = box["y"] + box["height"] / 2 - (point["y"] - (y0 + y1) / 2) / unit
    me.page.mouse.move(x, y)
    me.page.get_by_text(point["id"]).wait_for()
    me.page.mouse.click(x, y)
    me.wait(point["id"])


def test_a_color_has_its_scale_and_every_control_a_name(me):
    me.page.get_by_label("Color by").select_option("z")
    me.page.get_by_text("redshift", exact=True).last.wait_for()
    low, high = (float(me.page.inner_text(f"#map-{end}")) for end in ("low", "high"))
    assert low < high
    unnamed = """() => [...document.querySelectorAll('#main button, #main input, #main select')].filter((one) =>
      one.checkVisibility() && !(one.getAttribute('aria-label') || one.textContent || one.labels?.[0]?.textContent))"""
    assert me.page.evaluate(unnamed) == []


def test_verdicts_move_when_the_map_becomes_another(reader):
    """Their places are asked for again, once the first plane gives way to the one that was being made."""
    me, asked = reader(), []
    places = iter(({"kind": "PCA", "state": "making", "words": "", "share": 0.5},) * 2)

    def tell(route):
        told = route.fetch().json()
        route.fulfill(json=told | {"status": told["status"] | next(places, {"kind": "UMAP", "state": "made"})})

    me.page.route("**/api/v1/map?**", tell)
    me.page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/map/verdicts") else None)
    me.page.goto(f"{me.base}/map")
    me.page.get_by_text("Principal components 1").wait_for()
    assert len(asked) == 1
    with me.page.expect_request("**/api/v1/map/verdicts"):
        me.page.get_by_text("UMAP 1 (across)").wait_for()
