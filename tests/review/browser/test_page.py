"""The spectrum page: what is drawn, what keys do to it, and who can use it."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser

PIXELS = """() => [...document.querySelectorAll('#plot canvas')].map(canvas => canvas.toDataURL()).join()"""

UNNAMED = """() => [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]
  .filter(one => {
  if (!one.checkVisibility()) return false;
  const label = one.labels?.length ? one.labels[0].textContent : '';
  return !(one.getAttribute('aria-label') || one.textContent || label || '').trim();
}).map(one => one.outerHTML)"""

CONTRAST = """pairs => {
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    const probe = document.createElement('canvas').getContext('2d');
    probe.fillStyle = style.getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return pairs.map(pair => {
    const [high, low] = pair.map(light).sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  });
}"""


def same(one: bytes, other: bytes) -> bool:
    """Whether two images are the same but for the rounding of soft edges."""
    a, b = (np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), dtype=int) for image in (one, other))
    return a.shape == b.shape and np.abs(a - b).max() <= 8


def test_the_slider_moves_the_lines_and_not_the_model(reader):
    me = reader()
    me.open()
    me.page.wait_for_timeout(300)
    before = me.page.locator("#plot").screenshot()
    me.page.evaluate(
        """() => { const slider = document.getElementById('z-slider'); slider.value = Math.log1p(2.1);
        slider.dispatchEvent(new Event('input', {bubbles: true})); }"""
    )
    me.page.wait_for_timeout(100)
    assert float(me.page.evaluate("document.documentElement.dataset.z")) == pytest.approx(2.1, abs=1e-3)
    assert me.page.input_value("#z-typed").startswith("2.1")
    assert not same(me.page.locator("#plot").screenshot(), before)
    me.press("Z")
    me.page.wait_for_timeout(100)
    assert same(me.page.locator("#plot").screenshot(), before), "nothing else has changed"
    me.press("z")
    me.page.keyboard.type("0.75")
    me.press("Enter", ".", ".", ",")
    assert float(me.page.evaluate("document.documentElement.dataset.z")) == pytest.approx(0.751)


def test_keys_change_the_drawing(reader):
    me = reader()
    me.open()
    for key in ("s", "y", "Y", "m", "b", "d", "i", "+", "]", "x", "S"):
        before = me.page.evaluate(PIXELS)
        me.press(key)
        me.page.wait_for_timeout(60)
        me.page.wait_for_function(
            "was => [...document.querySelectorAll('#plot canvas')].map(one => one.toDataURL()).join() !== was",
            arg=before,
        )


def test_single_exposures_lie_over_the_coadd(reader):
    """Two exposures of one arm, as the server gives them."""
    me = reader()
    target_id = me.open()
    payload = me.context.request.get(f"{me.base}/api/v1/objects/{target_id}/spectrum").json()
    arm = {name: payload[name] for name in ("wave0", "wave_step", "n")} | {"name": "B", "arrays": payload["arrays"]}
    found = [{"night": 20260101 + i, "expid": i, "fiber": 7, "exptime_s": 900.0, "arms": [arm]} for i in range(2)]
    me.page.route("**/exposures", lambda route: route.fulfill(json={"exposures": found}))
    me.page.wait_for_timeout(300)
    before = me.page.evaluate(PIXELS)
    me.press("e")
    me.page.wait_for_selector("#exposure-list li >> nth=1")
    assert "night 20260102" in me.page.inner_text("#exposure-list")
    me.page.wait_for_timeout(100)
    assert me.page.evaluate(PIXELS) != before
    me.press("e")
    assert not me.page.is_visible("#exposure-list")


def test_the_help_names_every_key(reader):
    me = reader()
    me.open()
    me.press("?")
    told = me.page.inner_text("#help")
    for word in (
        "genuine anomaly",
        "undo the last verdict",
        "redshift up by 0.001",
        "smoother",
        "next object",
        "comment",
    ):
        assert word in told
    me.press("Escape")
    assert not me.page.is_visible("#help")


def test_back_forward_and_reload(reader):
    me = reader()
    first = me.open()
    second = me.go_on("n")
    assert second in me.page.url
    assert me.go_on("p") == first
    assert first in me.page.url
    me.page.go_forward()
    me.wait(second)
    me.page.reload()
    me.wait(second)
    assert me.go_on("ArrowLeft") == first


def test_a_flip_does_not_load_a_page(reader):
    me = reader()
    me.open()
    me.page.evaluate("window.stays = true")
    for _ in range(3):
        me.go_on("n")
    assert me.page.evaluate("window.stays")
    assert me.page.evaluate("performance.getEntriesByName('flip').length") == 4


def test_what_the_system_asks_for_is_dark_or_light(reader):
    me = reader(color_scheme="dark")
    me.open()
    assert me.page.evaluate("document.documentElement.dataset.theme") == "dark"
    me.press("T")
    assert me.page.evaluate("document.documentElement.dataset.theme") == "light"
    me.page.reload()
    assert me.page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_have_contrast(reader, scheme):
    """WCAG 2.2: 4.5 for text, 3 for what is drawn and for the focus."""
    me = reader(color_scheme=scheme)
    me.open()
    text = [
        (ink, ground)
        for ink in ("--ink", "--muted", "--accent", "--good", "--warn", "--bad")
        for ground in ("--panel", "--ground")
    ]
    text += [
        ("--good", "--good-soft"),
        ("--warn", "--warn-soft"),
        ("--bad", "--bad-soft"),
        ("--accent-ink", "--accent"),
        ("--ink", "--accent-soft"),
    ]
    drawn = [
        (f"--{name}", "--panel")
        for name in ("flux", "model", "chi", "axis", "focus", "line-broad", "line-narrow", "line-absorption")
    ]
    for pairs, least in ((text, 4.5), (drawn, 3.0)):
        found = dict(zip(pairs, me.page.evaluate(CONTRAST, pairs), strict=True))
        assert not {pair: ratio for pair, ratio in found.items() if ratio < least}


def test_landmarks_names_and_focus(reader):
    me = reader()
    me.open()
    assert (
        me.page.locator("main").count()
        == me.page.locator("body > header").count()
        == me.page.locator("h1").count()
        == 1
    )
    assert me.page.locator("aside[aria-label='Verdict']").count() == 1
    assert me.page.evaluate("document.documentElement.lang") == "en"
    assert me.page.evaluate(UNNAMED) == []
    assert me.page.get_attribute("#outbox-state", "role") == "status"
    assert me.page.get_attribute("#problem", "role") == "alert"
    order = []
    for _ in range(60):
        me.press("Tab")
        order.append(me.page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))
    assert order[0] == "Skip to the content"
    told = list(itertools.takewhile(lambda one: one != order[0], order[1:]))
    assert told.index("← previous") < told.index("z-slider") < told.index("agenuine anomaly"), "as it is read"


def test_a_tablet(reader):
    """768 points wide: nothing to be pushed aside, and targets for fingers."""
    me = reader(viewport={"width": 768, "height": 1024}, has_touch=True, is_mobile=True)
    me.open()
    assert me.page.evaluate("document.documentElement.scrollWidth") <= 768
    low = me.page.evaluate(
        """() => [...document.querySelectorAll('main button, main select, main textarea, main summary')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 43.5).map(one => one.outerHTML)"""
    )
    assert low == []


def test_what_people_wrote_is_text(reader, server):
    me = reader()
    first = me.open()
    me.press("/")
    me.page.keyboard.type("<img src=x onerror=alert(1)>")
    me.press("Enter")
    me.go_on("o")
    me.saved()
    me.page.go_back()
    me.wait(first)
    assert me.page.locator("main img").count() == 0
