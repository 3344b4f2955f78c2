// What was learned from verdicts: how much, how well, from what; and the wish to learn anew.

import { get, post, say } from "./api.js";

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const BUSY_MS = 700, IDLE_MS = 10_000, N_BARS = 8;
let timer = 0;

function element(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const html = (name, text = "", cls = "") => Object.assign(document.createElement(name), { textContent: text, className: cls });
const many = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;

async function load() {
  clearTimeout(timer);
  let told;
  try {
    told = await get("/learning");
  } catch {
    timer = setTimeout(load, IDLE_MS);
    return;
  }
  show(told);
  const busy = told.status.state !== "idle" || !(told.status.features.complete || told.status.features.error);
  timer = setTimeout(load, busy ? BUSY_MS : IDLE_MS);
}

function show(told) {
  for (const choice of document.querySelectorAll("#learning-scope input")) choice.checked = choice.value === told.scope;
  byId("learning-state").textContent = stateWords(told);
  byId("learning-state").classList.toggle("error", Boolean(told.status.error || told.status.features.error));
  byId("learning-refresh").disabled = told.status.state === "working";
  byId("learning-words").textContent = words(told);
  byId("learning-features").textContent = featureWords(told.status);
  showHeldOut(told);
  showImportance(told);
  showLooks(told);
}

function stateWords({ status }) {
  if (status.error) return `It could not learn: ${status.error}`;
  if (status.features.error) return `The features of the spectra cannot be had: ${status.features.error}`;
  if (status.state === "working") return "Learning…";
  const found = status.result;
  if (!found) return "Nothing is learned yet.";
  const when = new Date(found.time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const rest = found.complete ? "" : " The top of the list is ranked, the rest follows.";
  const entries = status.new_entries ? ` Since then: ${many(status.new_entries, "new entry", "new entries")}.` : " It is up to date.";
  return `Ranked at ${when} in ${found.seconds.toFixed(2)} s.${rest}${entries}`;
}

function words(told) {
  const found = told.status.result;
  const whose = told.scope === "shared" ? "all reviewers" : told.group ? told.reviewer : "you";
  if (!found || found.n_labels === 0) {
    return `There are no labels from ${whose} yet. Until there are, odder comes first. Every verdict teaches: ` +
      `${told.interesting.join(", ").toLowerCase()} with its interest from 0 to 5, anything else as uninteresting; unsure teaches nothing.`;
  }
  const start = `${many(found.n_labels, "object")} labeled by ${whose}, ${found.n_interesting} of them interesting ` +
    `(${told.interesting_from} or more). The ranking is made by a ${found.model}.`;
  if (found.n_interesting === 0) return `${start} Nothing interesting was met yet: it only knows what to leave out.`;
  if (found.n_labels < told.few_labels) {
    return `${start} That is little: it leans on the plain score, and how good it is can be said from ${told.few_labels} labels on.`;
  }
  return start;
}

function featureWords({ features }) {
  if (features.complete) return `It sees ${features.n} numbers of each object: scores, where the residual is, and the latent vector.`;
  if (features.error) return `It has to do with the ${features.n} numbers that the catalog gives.`;
  return `It sees the ${features.n} numbers that the catalog gives; those of the spectra are being computed (${Math.floor(100 * features.share)} %).`;
}

/** Axes of a chart: an SVG, and how to get from values to places. */
function chart(place, label, { x, y, xTicks, yTicks, xName, yName }) {
  const [width, height, left, top, right, bottom] = [460, 280, 44, 10, 12, 40];
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const toX = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - right);
  const toY = (value) => height - bottom - ((value - y[0]) / (y[1] - y[0])) * (height - top - bottom);
  for (const tick of xTicks) {
    svg.append(element("line", { class: "grid", x1: toX(tick), x2: toX(tick), y1: toY(y[0]), y2: toY(y[1]) }));
    svg.append(element("text", { x: toX(tick), y: height - bottom + 16, "text-anchor": "middle" }, String(tick)));
  }
  for (const tick of yTicks) {
    svg.append(element("line", { class: "grid", x1: toX(x[0]), x2: toX(x[1]), y1: toY(tick), y2: toY(tick) }));
    svg.append(element("text", { x: left - 8, y: toY(tick) + 4, "text-anchor": "end" }, String(tick)));
  }
  svg.append(element("rect", { class: "frame", x: left, y: top, width: width - left - right, height: height - top - bottom }));
  svg.append(element("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, xName));
  svg.append(element("text", { x: 12, y: (top + height - bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(top + height - bottom) / 2})` }, yName));
  place.replaceChildren(svg);
  return { svg, toX, toY };
}

function showHeldOut(told) {
  const place = byId("learning-held"), report = told.report;
  if (!report) {
    place.replaceChildren();
    byId("learning-held-words").textContent = told.status.state === "finishing" ? "Being worked out…"
      : `From ${told.few_labels} labels on each label is predicted by a model that did not see it.`;
    return;
  }
  const chance = report.ranking === null ? "With only one kind of label there is nothing to tell apart."
    : `Of an interesting and a dull object it puts the interesting one first in ${Math.round(100 * report.ranking)} % of the pairs (50 % is chance).`;
  byId("learning-held-words").textContent = `Each label, predicted by a model that did not see it. ${chance} ` +
    `It is off by ${report.error.toFixed(1)} on average; ${Math.round(100 * report.within_sigma)} % lie within one standard deviation.`;
  const label = "Predicted against given interest of held-out labels";
  const { svg, toX, toY } = chart(place, label, {
    x: [-0.4, 5.4], y: [-0.2, 5.2], xTicks: [0, 1, 2, 3, 4, 5], yTicks: [0, 1, 2, 3, 4, 5], xName: "given", yName: "predicted",
  });
  svg.append(element("line", { class: "cut", x1: toX(0), y1: toY(0), x2: toX(5), y2: toY(5) }));
  const met = new Map();
  for (const one of report.held_out) {
    const before = met.get(one.given) ?? 0;
    met.set(one.given, before + 1);
    const x = toX(one.given + 0.7 * (((before * 0.618034 + 0.5) % 1) - 0.5)); // spread evenly, whatever their number
    const clipped = (value) => toY(Math.min(5.2, Math.max(-0.2, value)));
    svg.append(element("line", { class: "interval", x1: x, x2: x, y1: clipped(one.predicted - one.sigma), y2: clipped(one.predicted + one.sigma) }));
    const good = one.given >= told.interesting_from;
    const point = good ? element("rect", { class: "point good", x: x - 3.5, y: clipped(one.predicted) - 3.5, width: 7, height: 7 })
      : element("circle", { class: "point", cx: x, cy: clipped(one.predicted), r: 3.5 });
    const title = `${one.target_id ?? "withheld"}: given ${one.given}, predicted ${one.predicted.toFixed(1)} ± ${one.sigma.toFixed(1)}`;
    point.append(element("title", {}, title));
    if (!one.target_id) {
      svg.append(point);
      continue;
    }
    const link = element("a", { href: `/object/${one.target_id}`, tabindex: -1 });
    link.append(point);
    svg.append(link);
  }
  place.append(worst(report.held_out));
}

/** The labels that were predicted worst, as a table: what the model does not understand, or a slip of the reviewer. */
function worst(all) {
  const box = html("details"), table = html("table"), head = html("tr");
  box.append(html("summary", "Labels that surprise it most"), table);
  for (const name of ["object", "given", "predicted"]) head.append(Object.assign(html("th", name), { scope: "col" }));
  table.append(head);
  const off = (one) => Math.abs(one.given - one.predicted);
  for (const one of [...all].sort((a, b) => off(b) - off(a)).slice(0, 10)) {
    const row = html("tr"), cell = html("td");
    if (one.target_id) cell.append(Object.assign(html("a", one.target_id), { href: `/object/${one.target_id}` }));
    else cell.textContent = "withheld";
    row.append(cell, html("td", one.given.toFixed(0)), html("td", `${one.predicted.toFixed(1)} ± ${one.sigma.toFixed(1)}`));
    table.append(row);
  }
  return box;
}

function showImportance(told) {
  const list = byId("learning-important"), report = told.report;
  const all = report ? report.importance.filter((one) => one.error > 0) : [];
  const shown = [...all.filter((one) => one.kind), ...all.filter((one) => !one.kind).slice(0, N_BARS)];
  const largest = Math.max(...shown.map((one) => one.error));
  byId("learning-important-words").textContent = !report ? `Known from ${told.few_labels} labels on.`
    : shown.length ? "By how much the mean error of predicted interest grows when numbers are shuffled among the held-out labels: whole kinds first, then single ones."
      : "Nothing stands out yet: no single number changes the predictions of held-out labels.";
  list.replaceChildren(...shown.map((one) => {
    const line = html("li", "", one.kind ? "kind" : ""), bar = html("span", "", "bar");
    bar.style.width = `${(100 * one.error) / largest}%`;
    bar.setAttribute("aria-hidden", "true");
    line.append(html("span", one.words), bar, html("span", `+${one.error.toFixed(3)}`, "number"));
    return line;
  }));
}

function showLooks(told) {
  const place = byId("learning-looks"), looks = told.looks;
  const last = looks.at(-1);
  byId("learning-looks-words").textContent = last
    ? `${many(last.interesting, "interesting object")} in ${many(last.looks, "look")}, in the order in which they were judged.` : "No looks yet.";
  if (looks.length < 2) {
    place.replaceChildren();
    return;
  }
  const step = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 1e5].find((one) => last.looks / one <= 6) ?? 1e6;
  const high = Math.max(1, last.interesting), up = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4].find((one) => high / one <= 6) ?? 1e5;
  const ticks = (end, by) => Array.from({ length: Math.floor(end / by) + 1 }, (_, k) => k * by);
  const { svg, toX, toY } = chart(place, "Interesting objects met, by number of looks", {
    x: [0, last.looks], y: [0, high * 1.05], xTicks: ticks(last.looks, step), yTicks: ticks(high, up), xName: "looks", yName: "interesting",
  });
  const points = [{ looks: 0, interesting: 0 }, ...looks].map((one) => `${toX(one.looks)},${toY(one.interesting)}`);
  svg.append(element("polyline", { class: "curve", points: points.join(" ") }));
}

byId("learning-refresh").addEventListener("click", async () => {
  const scope = document.querySelector("#learning-scope input:checked")?.value ?? "mine";
  byId("learning-refresh").disabled = true;
  byId("learning-state").textContent = "Learning…";
  await post("/learning/refresh", { scope }).catch(() => null);
  say("Learning anew");
  load();
});

byId("learning-scope").addEventListener("change", async (event) => {
  await post("/learning/scope", { scope: event.target.value }).catch(() => null);
  load();
});

byId("learning-next").addEventListener("click", async (event) => {
  event.preventDefault();
  const { items } = await get("/next?queue=learned&n=1");
  if (items.length) location.href = `/object/${items[0]}?queue=learned`;
  else say("There is nothing left to offer");
});

load();
