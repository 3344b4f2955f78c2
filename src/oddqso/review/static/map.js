// The latent map: counts and colors by view from the server, single objects when few are in sight, lasso and box.
import { get, post } from "./api.js";
import { View, gestures } from "./map_view.js";
import { MARKS, decoded, drawGrid, drawMark, drawPoints, drawRamp, floats } from "./map_draw.js";

const CELL_PX = 4; // width of a cell on the screen
const FEW = 2500; // at most so many single objects are drawn
const NEAR_PX = 9;
const MOST_CORNERS = 400;

const byId = (id) => document.getElementById(`map-${id}`);
const canvas = byId("canvas");
const context = canvas.getContext("2d");
const view = new View(canvas);
const state = { layer: "count", kind: "", grid: null, points: null, verdicts: null, drawing: null, lasso: null, limits: null };
let asked = 0;
let waiting = 0;

// What is shown

function ask(delay = 120) {
  clearTimeout(waiting);
  waiting = setTimeout(load, delay);
}

async function load() {
  const mine = ++asked;
  const [nx, ny] = [canvas.clientWidth, canvas.clientHeight].map((n) => Math.min(512, Math.max(16, Math.round(n / CELL_PX))));
  const edges = view.known ? view.query() : "";
  const found = await get(`/map?layer=${state.layer}&nx=${nx}&ny=${ny}${edges}`);
  if (mine !== asked) return;
  const moved = state.kind !== "" && state.kind !== found.status.kind;
  state.kind = found.status.kind;
  if (!view.known || moved) {
    state.lasso = state.points = null;
    view.fit(found.extent);
    tellStatus(found);
    if (moved) { // verdicts lie elsewhere, too
      state.verdicts = null;
      loadVerdicts();
    }
    return ask(0);
  }
  state.limits = found.limits;
  state.grid = decoded(found);
  state.grid.rule = found.layers.find((one) => one.name === found.layer)?.rule ?? "";
  state.points = found.n_view > 0 && found.n_view <= FEW ? await loadPoints(edges) : null;
  if (mine !== asked) return;
  tellLayers(found.layers);
  tellStatus(found);
  tellLegend();
  draw();
  performance.mark("map-drawn");
  if (found.status.state === "making") ask(3000);
}

async function loadPoints(edges) {
  const found = await get(`/map/points?layer=${state.layer}&limit=${FEW}${edges}`);
  const points = { ids: found.target_id, x: floats(found.x), y: floats(found.y), z: floats(found.z), snr: floats(found.snr) };
  points.values = found.values ? floats(found.values) : null;
  points.score = found.score ? floats(found.score) : null;
  return points;
}

async function loadVerdicts() {
  if (!byId("verdicts").checked) {
    state.verdicts = null;
    return draw();
  }
  const found = await get("/map/verdicts");
  state.verdicts = { ids: found.target_id, x: floats(found.x), y: floats(found.y), words: found.verdict };
  draw();
}

function draw() {
  if (!view.known) return;
  view.prepare(context);
  const ink = getComputedStyle(canvas).color;
  if (state.grid) drawGrid(context, view, state.grid, state.limits, ink, state.points ? 0.25 : 1);
  if (state.points) drawPoints(context, view, state.points, state.limits, ink);
  if (state.verdicts) {
    const { x, y, words } = state.verdicts;
    for (let i = 0; i < x.length; i++) drawMark(context, ...view.screen(x[i], y[i]), words[i], 5);
  }
  const outline = state.drawing ?? state.lasso;
  if (outline) drawOutline(outline, ink);
  if (canvas.matches(":focus-visible")) drawMiddle(ink);
}

function drawOutline(corners, ink) {
  context.save();
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.setLineDash([6, 3]);
  context.beginPath();
  corners.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](...view.screen(x, y)));
  if (corners === state.lasso) context.closePath();
  context.stroke();
  context.restore();
}

function drawMiddle(ink) {
  const [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 4 * dx, y + 4 * dy);
    context.lineTo(x + 12 * dx, y + 12 * dy);
  }
  context.stroke();
}

// What is said

function tellStatus({ status, n, n_view: nView }) {
  const making = status.state === "making" ? ` UMAP is being made: ${status.words}, ${Math.round(100 * status.share)} %.` : "";
  const failed = status.state === "failed" ? ` ${status.words}.` : "";
  byId("status").textContent = `${nView.toLocaleString("en")} of ${n.toLocaleString("en")} objects in view.${making}${failed}`;
  const axes = status.kind === "PCA" ? "Principal components 1 (across) and 2 (up)" : `${status.kind} 1 (across) and 2 (up)`;
  byId("note").textContent = `${axes} of the active latents: directions have no unit; near means alike, far says little.`;
}

function tellLayers(layers) {
  const menu = byId("layer");
  if (menu.options.length === layers.length) return;
  menu.replaceChildren(...layers.map(({ name, title }) => new Option(title, name, name === state.layer, name === state.layer)));
}

function tellLegend() {
  const { layer, layers } = state.grid;
  const { title, rule } = layers.find((one) => one.name === layer) ?? { title: layer, rule: "" };
  byId("legend-name").textContent = rule && !state.points ? `${title}, ${rule} in each cell` : title;
  drawRamp(byId("ramp"), layer === "count", getComputedStyle(canvas).color, state.points ? "" : rule);
  const shown = layer === "count" ? ["1", state.grid.largest.toLocaleString("en")] : state.limits?.map((x) => x.toPrecision(3));
  byId("low").textContent = shown?.[0] ?? "";
  byId("high").textContent = shown ? `${shown[1]}${layer === "count" ? " a cell, logarithmic" : ""}` : "unknown";
  byId("low").parentElement.hidden = state.points !== null && layer === "count";
}

function tellMarks() {
  byId("marks").replaceChildren(...Object.keys(MARKS).map((word) => {
    const mark = document.createElement("canvas");
    mark.width = mark.height = 16;
    mark.setAttribute("aria-hidden", "true");
    drawMark(mark.getContext("2d"), 8, 8, word, 5);
    const item = document.createElement("li");
    item.append(mark, MARKS[word].title);
    return item;
  }));
}

function tip(x, y, text) {
  const element = byId("tip");
  element.hidden = !text;
  if (!text) return;
  element.textContent = text;
  const left = x + 14 + element.offsetWidth > canvas.clientWidth ? x - 14 - element.offsetWidth : x + 14;
  element.style.left = `${Math.max(0, left)}px`;
  element.style.top = `${Math.min(y + 14, canvas.clientHeight - element.offsetHeight)}px`;
}

// What is under a place of the screen

function nearest(x, y, reach = NEAR_PX) {
  let best = null;
  for (const set of [state.verdicts, state.points]) {
    for (let i = 0; set && i < set.x.length; i++) {
      const [px, py] = view.screen(set.x[i], set.y[i]);
      const far = Math.hypot(px - x, py - y);
      if (far <= reach && (!best || far < best.far)) best = { set, i, far };
    }
  }
  return best;
}

function words({ set, i }) {
  const lines = [set.ids[i]];
  if (set.words) lines.push(MARKS[set.words[i]]?.title ?? set.words[i]);
  if (set.z) lines.push(`z ${set.z[i].toFixed(3)}   S/N ${set.snr[i].toFixed(1)}`);
  if (set.score && Number.isFinite(set.score[i])) lines.push(`score ${set.score[i].toFixed(2)}`);
  return lines.join("\n");
}

function hover(x, y) {
  const found = nearest(x, y);
  if (found) return tip(x, y, words(found));
  const cell = state.grid && !state.points ? view.cell(x, y, state.grid) : null;
  const n = cell === null ? 0 : state.grid.number[cell];
  const value = n && state.grid.shades ? state.grid.shades[cell] : NaN;
  tip(x, y, n ? `${n.toLocaleString("en")} object${n > 1 ? "s" : ""}${Number.isFinite(value) ? `\n${state.layer} ${value.toPrecision(3)}` : ""}` : "");
}

function open(found) {
  const queue = state.queue ? `?queue=${state.queue}` : "";
  location.assign(`/object/${found.set.ids[found.i]}${queue}`);
}

// Selections

async function select(corners) {
  state.lasso = corners;
  draw();
  const found = await post("/map/lasso", { polygon: corners, map: state.kind });
  byId("selection").textContent = found.n
    ? `${found.n.toLocaleString("en")} object${found.n > 1 ? "s" : ""} selected.`
    : "No object lies inside.";
  state.queue = found.n ? found.queue : "";
  byId("open").hidden = !found.n;
  byId("queue").href = found.n ? `/object/${found.sample[0]}?queue=${found.queue}` : "/";
}

function clear() {
  state.lasso = state.drawing = null;
  state.queue = "";
  byId("open").hidden = true;
  byId("selection").textContent = "Nothing is selected.";
  draw();
}

function thinned(corners) {
  const every = Math.ceil(corners.length / MOST_CORNERS);
  return corners.filter((_, i) => i % every === 0);
}

// What people do

function changeTool(value) {
  document.querySelector(`input[name="map-tool"][value="${value}"]`).checked = true;
  canvas.classList.toggle("lasso", value === "lasso");
}

const tool = () => document.querySelector('input[name="map-tool"]:checked').value;

gestures(canvas, view, {
  draws: (event) => event.shiftKey || tool() === "lasso",
  moved: () => { tip(0, 0, ""); draw(); ask(); },
  hovered: hover,
  left: () => tip(0, 0, ""),
  drawn: (corners) => { state.drawing = corners; draw(); },
  finished: (corners) => {
    state.drawing = null;
    if (corners.length > 2) select(thinned(corners));
    else draw();
  },
  clicked: (x, y) => {
    const found = nearest(x, y);
    if (found) return open(found);
    if (!state.points) { view.zoom(1 / 3, x, y); draw(); ask(0); }
  },
});

function byKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
  const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  if (step) view.move(...step);
  else if (event.key === "+" || event.key === "=") view.zoom(0.6, ...middle);
  else if (event.key === "-") view.zoom(1 / 0.6, ...middle);
  else if (event.key === "0") view.whole();
  else if (event.key === "l") changeTool(tool() === "lasso" ? "pan" : "lasso");
  else if (event.key === "b") byId("box").elements.x0.focus();
  else if (event.key === "Enter") {
    const found = nearest(...middle, Infinity);
    if (found) open(found);
  } else return;
  event.preventDefault();
  event.stopPropagation();
  draw();
  ask();
}

function zoomBy(factor) {
  view.zoom(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
  draw();
  ask(0);
}

canvas.addEventListener("keydown", byKey);
canvas.addEventListener("focus", draw);
canvas.addEventListener("blur", draw);
byId("in").addEventListener("click", () => zoomBy(0.5));
byId("out").addEventListener("click", () => zoomBy(2));
byId("all").addEventListener("click", () => { view.whole(); draw(); ask(0); });
byId("clear").addEventListener("click", clear);
byId("verdicts").addEventListener("change", loadVerdicts);
byId("layer").addEventListener("change", (event) => { state.layer = event.target.value; ask(0); });
document.querySelectorAll('input[name="map-tool"]').forEach((one) => one.addEventListener("change", () => changeTool(tool())));
byId("box").addEventListener("submit", (event) => {
  event.preventDefault();
  const [x0, x1, y0, y1] = ["x0", "x1", "y0", "y1"].map((name) => Number(event.target.elements[name].value));
  select([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
});
byId("box-view").addEventListener("click", () => {
  for (const [name, value] of Object.entries(view.limits())) byId("box").elements[name].value = value.toFixed(3);
});
new ResizeObserver(() => { if (view.known) { view.resize(); draw(); ask(); } }).observe(canvas);
new MutationObserver(() => { // dark or light
  if (!state.grid) return;
  state.grid.image = null;
  tellLegend();
  draw();
}).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

tellMarks();
changeTool("pan");
load();
loadVerdicts();
