// Colors and shapes of the map. The ramp is cividis (Nunez, Anderton & Renslow 2018), marks are of Okabe & Ito (2008);
// each mark also has a shape of its own.

const CIVIDIS = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56],
];

export const MARKS = {
  ANOMALY: { title: "anomaly", color: "#d55e00", shape: "triangle" },
  KNOWN: { title: "known phenomenon", color: "#0072b2", shape: "square" },
  ARTIFACT: { title: "artifact", color: "#000000", shape: "cross" },
  WRONG_REDSHIFT: { title: "wrong redshift or class", color: "#cc79a7", shape: "diamond" },
  ORDINARY: { title: "ordinary", color: "#009e73", shape: "circle" },
  UNSURE: { title: "unsure", color: "#e69f00", shape: "ring" },
};

export function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// Color of a share of 1, as [r, g, b]: what is larger stands out more from the ground, dark or light.
function ramp(share, ink) {
  const kept = Math.min(1, Math.max(0, share));
  const place = (isLight(ink) ? kept : 1 - kept) * (CIVIDIS.length - 1);
  const first = Math.min(CIVIDIS.length - 2, Math.floor(place));
  return CIVIDIS[first].map((value, k) => value + (place - first) * (CIVIDIS[first + 1][k] - value));
}

function rgb(color) {
  const found = color.match(/[\d.]+/g);
  return found ? found.slice(0, 3).map(Number) : [0, 0, 0];
}

const isLight = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b > 128;

const shareOf = (value, limits) => (limits && limits[1] > limits[0] ? (value - limits[0]) / (limits[1] - limits[0]) : 0.5);

// A grid as the server sends it, its arrays decoded.
export function decoded(grid) {
  const number = new Uint16Array(bytes(grid.counts).buffer);
  const largest = number.reduce((most, n) => Math.max(most, n), 1);
  return { ...grid, number, largest, shades: grid.values ? floats(grid.values) : null, image: null };
}

// Where the largest of a cell is shown, what is small recedes.
const fading = (rule, share) => (rule === "largest" ? 0.2 + 0.8 * Math.min(1, Math.max(0, share)) : 1);

// Make the picture of a grid once: counts as strength, a layer as color.
function picture(grid, limits, ink) {
  const { nx, ny } = grid;
  const image = new ImageData(nx, ny);
  const full = Math.log1p(grid.largest);
  for (let j = 0; j < ny; j++) {
    for (let i = 0; i < nx; i++) {
      const cell = j * nx + i;
      const n = grid.number[cell];
      if (!n) continue;
      const strength = Math.log1p(n) / full;
      const known = grid.shades && Number.isFinite(grid.shades[cell]);
      const share = known ? shareOf(grid.shades[cell], limits) : 0;
      const color = known ? ramp(share, ink) : ink;
      const alpha = !grid.shades ? 0.15 + 0.85 * strength : !known ? 0.1 : fading(grid.rule, share) * (0.6 + 0.4 * strength);
      image.data.set([...color, 255 * alpha], 4 * ((ny - 1 - j) * nx + i));
    }
  }
  grid.image = new OffscreenCanvas(nx, ny);
  grid.image.getContext("2d").putImageData(image, 0, 0);
}

export function drawGrid(context, view, grid, limits, ink, strength) {
  if (!grid.image) picture(grid, limits, rgb(ink));
  const [x0, x1, y0, y1] = grid.view;
  const [left, top] = view.screen(x0, y1);
  const [right, bottom] = view.screen(x1, y0);
  context.save();
  context.imageSmoothingEnabled = false;
  context.globalAlpha = strength;
  context.drawImage(grid.image, left, top, right - left, bottom - top);
  context.restore();
}

export function drawPoints(context, view, points, limits, ink) {
  const radius = points.x.length > 800 ? 2.2 : 3.2;
  const ground = rgb(ink);
  context.save();
  context.strokeStyle = ink;
  context.lineWidth = 0.5;
  for (let i = points.x.length - 1; i >= 0; i--) { // the oddest come first, and are drawn last
    const [x, y] = view.screen(points.x[i], points.y[i]);
    const known = points.values && Number.isFinite(points.values[i]);
    context.fillStyle = known ? `rgb(${ramp(shareOf(points.values[i], limits), ground).join(" ")})` : ink;
    context.globalAlpha = points.values && !known ? 0.3 : 0.95;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    if (points.values) context.stroke();
  }
  context.restore();
}

export function drawRamp(canvas, plain, ink, rule) {
  const context = canvas.getContext("2d");
  const [w, h] = [canvas.width, canvas.height];
  context.clearRect(0, 0, w, h);
  for (let x = 0; x < w; x++) {
    context.fillStyle = plain ? ink : `rgb(${ramp(x / (w - 1), rgb(ink)).join(" ")})`;
    context.globalAlpha = plain ? 0.15 + 0.85 * x / (w - 1) : fading(rule, x / (w - 1));
    context.fillRect(x, 0, 1, h);
  }
  context.globalAlpha = 1;
}

// A verdict: a shape and a color, with a white rim that shows on any ground.
export function drawMark(context, x, y, word, r) {
  const { color, shape } = MARKS[word] ?? MARKS.UNSURE;
  const path = new Path2D();
  const lines = {
    triangle: [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]],
    square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
    diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
  }[shape];
  if (lines) {
    lines.forEach(([dx, dy], i) => path[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
    path.closePath();
  } else if (shape === "cross") {
    for (const side of [-1, 1]) {
      path.moveTo(x - 0.9 * r, y - 0.9 * r * side);
      path.lineTo(x + 0.9 * r, y + 0.9 * r * side);
    }
  } else path.arc(x, y, r, 0, 2 * Math.PI);
  const open = shape === "cross" || shape === "ring";
  context.save();
  context.strokeStyle = "#ffffff";
  context.lineWidth = open ? 5 : 3;
  context.stroke(path);
  context[open ? "strokeStyle" : "fillStyle"] = color;
  context.lineWidth = 2.5;
  context[open ? "stroke" : "fill"](path);
  context.restore();
}
