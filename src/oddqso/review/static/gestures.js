// Zoom and pan of a plot: drag selects (the plot does that), shift and drag or one finger pans, wheel and pinch zoom.

/**
 * @param over the element that takes the pointer
 * @param view {range(): [low, high], go(low, high), reset()}
 */
export function gestures(over, view) {
  const fingers = new Map();
  let from = null;
  const width = () => over.clientWidth || 1;
  const at = (event) => (event.clientX - over.getBoundingClientRect().left) / width();
  const begin = () => { from = { range: view.range(), places: [...fingers.values()] }; };

  over.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [low, high] = view.range(), span = high - low;
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = ((event.deltaX || event.deltaY) * unit * span) / width();
      return view.go(low + by, high + by);
    }
    const factor = Math.exp(Math.max(-120, Math.min(120, event.deltaY * unit)) * 0.002), middle = low + at(event) * span;
    return view.go(middle - (middle - low) * factor, middle + (high - middle) * factor);
  }, { passive: false });

  over.addEventListener("pointerdown", (event) => {
    const pans = event.pointerType === "touch" || event.shiftKey || event.button === 1;
    if (!pans) return;
    event.preventDefault();
    fingers.set(event.pointerId, at(event));
    over.setPointerCapture(event.pointerId);
    begin();
  });
  over.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, at(event));
    const now = [...fingers.values()], [low, high] = from.range, span = high - low;
    if (now.length === 1) return view.go(low - (now[0] - from.places[0]) * span, high - (now[0] - from.places[0]) * span);
    const before = Math.abs(from.places[0] - from.places[1]) || 0.01, after = Math.abs(now[0] - now[1]) || 0.01;
    const middle = low + ((from.places[0] + from.places[1]) / 2) * span, next = (span * before) / after;
    const place = (now[0] + now[1]) / 2;
    return view.go(middle - place * next, middle + (1 - place) * next);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    over.addEventListener(end, (event) => { if (fingers.delete(event.pointerId)) begin(); });
  }
  // The plot's own selection would begin at the mouse events that follow.
  over.addEventListener("mousedown", (event) => {
    if (event.shiftKey || event.button === 1) event.stopImmediatePropagation();
  }, { capture: true });
  over.addEventListener("dblclick", (event) => { event.stopImmediatePropagation(); view.reset(); }, { capture: true });
  over.style.touchAction = "pan-y";
}
