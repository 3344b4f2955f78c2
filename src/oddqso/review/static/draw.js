// What a spectrum plot paints on its canvas: traces, error bands, shaded bands, lines and marks.
//
// A frame is {ctx, left, top, width, height, x: value -> pixel, y: value -> pixel, ratio: canvas pixels per CSS pixel}.

/** Visible pixels [from, to] of a grid. */
export function visible(grid, low, high) {
  const from = Math.max(0, Math.floor((low - grid.wave0) / grid.step) - 1);
  return [from, Math.min(grid.n - 1, Math.ceil((high - grid.wave0) / grid.step) + 1)];
}

/** A line through values; where a column of the screen holds several, it goes through their extremes. */
export function trace(frame, grid, values, from, to, color, { width = 1, dash = [] } = {}) {
  const { ctx, ratio } = frame;
  ctx.beginPath();
  let pen = false, column = NaN, low = 0, high = 0, last = 0;
  const dense = (to - from) / frame.width > 1.5;
  const flush = () => {
    if (column !== column) return;
    if (pen) ctx.lineTo(column, low); else ctx.moveTo(column, low);
    if (high !== low) ctx.lineTo(column, high);
    if (last !== high) ctx.lineTo(column, last);
    pen = true;
    column = NaN;
  };
  for (let i = from; i <= to; i++) {
    const value = values[i];
    if (value !== value) { flush(); pen = false; continue; }
    const px = frame.x(grid.wave0 + i * grid.step), py = bounded(frame.y(value), frame);
    if (!dense) {
      if (pen) ctx.lineTo(px, py); else ctx.moveTo(px, py);
      pen = true;
      continue;
    }
    const here = Math.round(px);
    if (here !== column) { flush(); column = here; low = high = py; }
    if (py < low) low = py;
    if (py > high) high = py;
    last = py;
  }
  flush();
  ctx.lineWidth = width * ratio;
  ctx.lineJoin = "round";
  ctx.strokeStyle = color;
  ctx.setLineDash(dash.map((one) => one * ratio));
  ctx.stroke();
  ctx.setLineDash([]);
}

/** An error band: value - error to value + error, averaged within a column of the screen. */
export function errorBand(frame, grid, values, error, from, to, color) {
  const { ctx } = frame;
  const every = Math.max(1, Math.floor((to - from) / frame.width));
  ctx.fillStyle = color;
  let upper = [], lower = [];
  const fill = () => {
    if (upper.length) {
      ctx.beginPath();
      upper.forEach(([px, py], i) => (i ? ctx.lineTo(px, py) : ctx.moveTo(px, py)));
      for (let i = lower.length - 1; i >= 0; i--) ctx.lineTo(lower[i][0], lower[i][1]);
      ctx.fill();
    }
    upper = [];
    lower = [];
  };
  for (let i = from; i <= to; i += every) {
    let sum = 0, errors = 0, n = 0;
    for (let j = i; j < Math.min(i + every, to + 1); j++) {
      if (values[j] === values[j] && error[j] === error[j]) { sum += values[j]; errors += error[j]; n++; }
    }
    if (!n) { fill(); continue; }
    const px = frame.x(grid.wave0 + (i + (every - 1) / 2) * grid.step);
    upper.push([px, bounded(frame.y((sum + errors) / n), frame)]);
    lower.push([px, bounded(frame.y((sum - errors) / n), frame)]);
  }
  fill();
}

/** Columns of color from edge to edge, over the whole height. */
export function columns(frame, edges, color) {
  frame.ctx.fillStyle = color;
  for (const [low, high] of edges) {
    const a = Math.max(frame.left, frame.x(low)), b = Math.min(frame.left + frame.width, frame.x(high));
    if (b > a) frame.ctx.fillRect(a, frame.top, Math.max(b - a, frame.ratio), frame.height);
  }
}

/** A strip at the foot: hatched where there is no data. */
export function hatched(frame, edges, color) {
  const { ctx, ratio } = frame, tall = 7 * ratio, foot = frame.top + frame.height;
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  for (const [low, high] of edges) {
    const a = Math.max(frame.left, frame.x(low)), b = Math.min(frame.left + frame.width, frame.x(high));
    if (b < a) continue;
    ctx.beginPath();
    for (let px = a; px <= b; px += 3 * ratio) { ctx.moveTo(px, foot); ctx.lineTo(px, foot - tall); }
    ctx.stroke();
  }
}

/** A horizontal rule. */
export function rule(frame, value, color, dash = []) {
  const { ctx, ratio } = frame, py = frame.y(value);
  if (py < frame.top || py > frame.top + frame.height) return;
  ctx.beginPath();
  ctx.moveTo(frame.left, py);
  ctx.lineTo(frame.left + frame.width, py);
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  ctx.setLineDash(dash.map((one) => one * ratio));
  ctx.stroke();
  ctx.setLineDash([]);
}

const DASHES = { broad: [], narrow: [6, 4], absorption: [2, 3] };

/** Lines at their observed places. */
export function lines(frame, shown, z, colors) {
  const { ctx, ratio } = frame;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = 0.55;
  for (const [line, px] of inView(frame, shown, z)) {
    ctx.strokeStyle = colors[line.group];
    ctx.setLineDash(DASHES[line.group].map((one) => one * ratio));
    ctx.beginPath();
    ctx.moveTo(px, frame.top);
    ctx.lineTo(px, frame.top + frame.height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

/** Names of lines, in rows at the top so that they do not cover each other, readable over the data. */
export function lineNames(frame, shown, z, colors, ground) {
  const { ctx, ratio } = frame, rows = [], tall = 13 * ratio;
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  ctx.strokeStyle = ground;
  ctx.lineWidth = 4 * ratio;
  for (const [line, px] of inView(frame, shown, z)) {
    const row = placed(rows, px, ctx.measureText(line.name).width + 5 * ratio, frame);
    if (row < 0) continue;
    ctx.fillStyle = colors[line.group];
    ctx.strokeText(line.name, px + 2 * ratio, frame.top + row * tall + ratio);
    ctx.fillText(line.name, px + 2 * ratio, frame.top + row * tall + ratio);
  }
}

const inView = (frame, shown, z) => shown.map((line) => [line, Math.round(frame.x(line.wave * (1 + z)))])
  .filter(([, px]) => px >= frame.left && px <= frame.left + frame.width);

function placed(rows, px, width, frame) {
  if (px + width > frame.left + frame.width) return -1;
  for (let row = 0; row < 4; row++) {
    if (rows[row] === undefined || rows[row] <= px) { rows[row] = px + width; return row; }
  }
  return -1;
}

/** What fired: its column bordered, and in words at `side` (top or foot). */
export function peaks(frame, found, color, ink, ground, words) {
  const { ctx, ratio } = frame;
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  const taken = [];
  for (const peak of found) {
    const middle = frame.x(peak.wave), half = Math.max((frame.x(peak.wave + peak.width) - middle) / 2, 3 * ratio);
    if (middle + half < frame.left || middle - half > frame.left + frame.width) continue;
    ctx.fillStyle = color;
    ctx.globalAlpha = 0.25;
    ctx.fillRect(middle - half, frame.top, 2 * half, frame.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(middle - half - ratio, frame.top, ratio, frame.height);
    ctx.fillRect(middle + half, frame.top, ratio, frame.height);
    if (!words) continue;
    const text = `${peak.kind} ${peak.sign < 0 ? "▼ −" : "▲ +"}${Math.abs(peak.sigma ?? 0).toFixed(1)}σ`;
    const wide = ctx.measureText(text).width, right = middle + half + 4 * ratio + wide < frame.left + frame.width;
    const row = taken.filter((px) => Math.abs(px - middle) < wide + 20 * ratio).length;
    taken.push(middle);
    ctx.textAlign = right ? "left" : "right";
    ctx.textBaseline = "top";
    const px = right ? middle + half + 4 * ratio : middle - half - 4 * ratio, py = frame.top + (3 + 14 * row) * ratio;
    ctx.strokeStyle = ground;
    ctx.lineWidth = 4 * ratio;
    ctx.strokeText(text, px, py);
    ctx.fillStyle = ink;
    ctx.fillText(text, px, py);
  }
}

/** Small triangles where a trace leaves the range. */
export function clipped(frame, grid, values, from, to, low, high, color) {
  const { ctx, ratio } = frame, size = 4 * ratio;
  ctx.fillStyle = color;
  let before = -Infinity;
  for (let i = from; i <= to; i++) {
    const up = values[i] > high;
    if (!up && !(values[i] < low)) continue;
    const px = frame.x(grid.wave0 + i * grid.step);
    if (px - before < 2 * size || px < frame.left || px > frame.left + frame.width) continue;
    before = px;
    const tip = up ? frame.top + ratio : frame.top + frame.height - ratio, base = up ? tip + size * 1.6 : tip - size * 1.6;
    ctx.beginPath();
    ctx.moveTo(px, tip);
    ctx.lineTo(px - size, base);
    ctx.lineTo(px + size, base);
    ctx.fill();
  }
}

/** Canvases dislike numbers far outside. */
const bounded = (py, frame) => Math.max(frame.top - 4 * frame.height, Math.min(frame.top + 5 * frame.height, py));
