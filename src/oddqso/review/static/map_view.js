// Which part of the map is on the screen, and what pointers do to it.

export class View {
  // A rectangle of the map on a canvas; one unit is as long across as it is up.
  constructor(canvas) {
    this.canvas = canvas;
    this.known = false;
  }

  fit([x0, x1, y0, y1]) {
    this.all = [x0, x1, y0, y1];
    this.known = true;
    this.whole();
  }

  whole() {
    const [x0, x1, y0, y1] = this.all;
    this.unit = Math.max((x1 - x0) / this.canvas.clientWidth, (y1 - y0) / this.canvas.clientHeight); // of the map, a pixel
    this.smallest = this.unit * 1e-4;
    this.largest = this.unit * 2;
    [this.x, this.y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  }

  resize() {
    this.unit = Math.min(this.unit, this.largest);
  }

  limits() {
    const [w, h] = [this.canvas.clientWidth * this.unit / 2, this.canvas.clientHeight * this.unit / 2];
    return { x0: this.x - w, x1: this.x + w, y0: this.y - h, y1: this.y + h };
  }

  query() {
    return Object.entries(this.limits()).map(([name, value]) => `&${name}=${value}`).join("");
  }

  screen(x, y) {
    return [(x - this.x) / this.unit + this.canvas.clientWidth / 2, (this.y - y) / this.unit + this.canvas.clientHeight / 2];
  }

  place(px, py) {
    return [this.x + (px - this.canvas.clientWidth / 2) * this.unit, this.y - (py - this.canvas.clientHeight / 2) * this.unit];
  }

  // The cell of a grid under a place of the screen; null outside.
  cell(px, py, { view: [x0, x1, y0, y1], nx, ny }) {
    const [x, y] = this.place(px, py);
    const [i, j] = [Math.floor((x - x0) / (x1 - x0) * nx), Math.floor((y - y0) / (y1 - y0) * ny)];
    return i >= 0 && j >= 0 && i < nx && j < ny ? j * nx + i : null;
  }

  // Zoom about a place of the screen, which stays where it is.
  zoom(factor, px, py) {
    const [x, y] = this.place(px, py);
    this.unit = Math.min(this.largest, Math.max(this.smallest, this.unit * factor));
    const [nowX, nowY] = this.place(px, py);
    this.x += x - nowX;
    this.y += y - nowY;
    this.hold();
  }

  // Move by shares of the screen.
  move(right, up) {
    this.shift(right * this.canvas.clientWidth, -up * this.canvas.clientHeight);
  }

  shift(dx, dy) {
    this.x += dx * this.unit;
    this.y -= dy * this.unit;
    this.hold();
  }

  // The middle of the screen stays on the map.
  hold() {
    const [x0, x1, y0, y1] = this.all;
    this.x = Math.min(x1, Math.max(x0, this.x));
    this.y = Math.min(y1, Math.max(y0, this.y));
  }

  // Size the canvas for its screen, and wipe it.
  prepare(context) {
    const scale = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(this.canvas.clientWidth * scale), Math.round(this.canvas.clientHeight * scale)];
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, w, h);
  }
}

const CLICK_PX = 4;
const STEP_PX = 3;

// Pointers and wheel: one pointer moves or draws, two zoom.
export function gestures(canvas, view, { draws, moved, hovered, left, drawn, finished, clicked }) {
  const down = new Map();
  let begun = null; // where the first pointer came down; null once it has left that place
  let corners = null;
  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || !view.known) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    if (down.size === 1) {
      begun = at(event);
      corners = draws(event) ? [view.place(...begun)] : null;
    } else {
      begun = null;
      if (corners) drawn(null);
      corners = null;
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!view.known) return;
    const now = at(event);
    const before = down.get(event.pointerId);
    if (!before) return hovered(...now);
    if (begun && Math.hypot(now[0] - begun[0], now[1] - begun[1]) < CLICK_PX) return; // a hand that shakes
    if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const [was, is] = [before, now].map(([x, y]) => Math.hypot(x - other[0], y - other[1]));
      if (is > 0) view.zoom(was / is, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      moved();
    } else if (corners) {
      if (Math.hypot(now[0] - before[0], now[1] - before[1]) < STEP_PX) return;
      corners.push(view.place(...now));
      drawn(corners);
    } else if (down.size === 1) {
      view.shift(before[0] - now[0], before[1] - now[1]);
      moved();
    }
    begun = null;
    down.set(event.pointerId, now);
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    const now = at(event);
    if (down.size === 0 && corners && !begun) finished(corners);
    else if (down.size === 0 && begun && event.type === "pointerup") clicked(...now);
    if (down.size === 0) begun = corners = null;
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", left);
  canvas.addEventListener("wheel", (event) => {
    if (!view.known) return;
    event.preventDefault();
    view.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), ...at(event));
    moved();
  }, { passive: false });
}
