// What is known of an object, in words and numbers.

import { floats, smoothed } from "./signal.js";

const DETECTORS = { SCORE: "merged", CHI2: "overall residual", NARROW: "narrow feature", BROAD: "broad feature", JOIN: "step between arms",
  LINES: "line strengths", REDSHIFT: "another redshift", GMM: "latent density", KNN: "distance to neighbors",
  FOREST: "latent isolation", KL: "latent distance", ELBO: "cost to the model" };
const LINKS = { legacy: "Legacy Surveys image", simbad: "SIMBAD", ned: "NED" };
const FIRED = 2;

/** An element with text and attributes. */
export function make(tag, text = "", attributes = {}) {
  const made = Object.assign(document.createElement(tag), { textContent: text });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const $ = (id) => document.getElementById(id);
const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
const small = (value) => (value >= 0.001 ? String(Number(value.toPrecision(2))) : value.toExponential(1));
const rarity = (tail) => { const n = 10 ** tail; return n < 1e5 ? Math.round(n).toLocaleString("en") : n.toLocaleString("en", { maximumSignificantDigits: 1, notation: n < 1e7 ? "standard" : "compact" }); };

/** Fill the page from the answer of /objects/{id}. */
export function showFacts({ facts, words, quality, percentiles, links, blinded, prediction, verdicts }, reviewer) {
  $("summary").replaceChildren(...summary(facts, blinded));
  $("words").replaceChildren(...(blinded ? [make("li", "Withheld until your verdict is in: scores, words, peaks and the verdicts of others.")]
    : words.filter((one) => !one.startsWith("TARGETID")).map((one) => make("li", one))));
  $("quality").replaceChildren(...quality.map((one) => make("span", `⚠ ${one}`, { class: "chip warn" })));
  $("links").replaceChildren(...Object.entries(links).map(([name, address]) => make("a", `${LINKS[name] ?? name} ↗`, { href: address, target: "_blank", rel: "noopener noreferrer" })));
  $("significance").replaceChildren(...significance(facts, prediction));
  $("scores").tBodies[0].replaceChildren(...Object.entries(percentiles).map(([name, percent]) => scoreRow(name, percent, facts)));
  document.querySelector(".scores").hidden = blinded;
  $("facts").replaceChildren(...Object.entries(facts).map(([name, value]) => {
    const pair = document.createElement("div");
    pair.append(make("dt", name, { class: "mono" }), make("dd", value === null ? "–" : String(typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value)));
    return pair;
  }));
  const others = verdicts.filter((one) => one.reviewer !== reviewer);
  $("others").replaceChildren();
  if (others.length) {
    const list = document.createElement("ul");
    list.append(...others.map((one) => make("li", `${one.reviewer}: ${one.verdict.toLowerCase().replaceAll("_", " ")}${one.subtype ? ` (${one.subtype})` : ""}${one.comment ? ` – ${one.comment}` : ""}`)));
    $("others").append(make("h3", "Others"), list);
  }
}

function summary(facts, blinded) {
  const shown = [`z ${number(facts.Z, 4)}${facts.ZERR ? ` ± ${small(facts.ZERR)}` : ""}`, `S/N ${number(facts.SNR, 1)} per pixel`];
  if (facts.SPECTYPE) shown.push(facts.SPECTYPE);
  if (!blinded && facts.RANK) shown.push(`rank ${facts.RANK.toLocaleString("en")}`);
  const parts = shown.map((text) => make("span", text));
  if (facts.ZWARN) parts.push(make("span", `⚠ ZWARN ${facts.ZWARN}`, { class: "chip warn" }));
  if (!blinded && facts.TIER) parts.push(make("span", `tier ${facts.TIER}`, { class: "chip good" }));
  if (blinded) parts.push(make("span", "blind", { class: "chip" }));
  return parts;
}

function significance(facts, prediction) {
  const told = [];
  if (facts.P_VALUE !== undefined && facts.P_VALUE !== null) told.push(`p = ${small(facts.P_VALUE)}`);
  if (facts.Q_VALUE !== undefined && facts.Q_VALUE !== null) told.push(`q = ${small(facts.Q_VALUE)}`);
  told.push(facts.TIER ? `tier ${facts.TIER}` : "on no certified list");
  if (Number.isFinite(prediction?.interest)) told.push(`predicted interest ${number(prediction.interest, 1)} ± ${number(prediction.uncertainty, 1)}`);
  return told.map((text) => make("span", text, { class: "chip" }));
}

function scoreRow(column, percent, facts) {
  const name = column === "SCORE" ? "SCORE" : column.slice(6), tail = name === "SCORE" ? null : facts[`TAIL_${name}`], row = document.createElement("tr");
  if (tail >= FIRED) row.className = "fired";
  const meter = make("span", "", { class: "meter" }), bar = document.createElement("i"), fill = document.createElement("b");
  fill.style.width = `${percent ?? 0}%`;
  bar.append(fill);
  meter.append(bar, make("span", percent === null ? "–" : `${percent >= 99.95 ? percent.toFixed(2) : percent.toFixed(1)} %`));
  const place = document.createElement("td");
  place.append(meter);
  row.append(make("td", DETECTORS[name] ?? name, { title: column }), make("td", number(facts[column], 2), { class: "number" }), place,
    make("td", tail === null || tail === undefined ? "" : rarity(tail), { class: "number" }));
  return row;
}

/** Small plots of neighbors; each is a link. */
export function showNeighbors(found, queue, load) {
  const place = $("neighbors");
  place.replaceChildren();
  if (found.blinded) return place.append(make("p", "Withheld until your verdict is in.", { class: "muted" }));
  for (const [kind, title] of [["ordinary", "Ordinary"], ["odd", "Odd"]]) {
    place.append(make("h3", title));
    for (const one of found[kind].slice(0, 4)) {
      const link = make("a", "", { class: "neighbor", href: `/object/${one.target_id}?queue=${encodeURIComponent(queue)}`, "data-object": one.target_id });
      const canvas = make("canvas", "", { "aria-hidden": "true" });
      link.append(canvas, make("span", `z ${number(one.z, 3)} · S/N ${number(one.snr, 1)} · distance ${number(one.distance, 1)}`));
      place.append(link);
      load(one.target_id).then((payload) => whenIdle(() => sketch(canvas, payload))).catch(() => canvas.remove());
    }
  }
  return undefined;
}

const whenIdle = (does) => (globalThis.requestIdleCallback ? requestIdleCallback(does, { timeout: 1000 }) : setTimeout(does, 50));

/** Flux and reconstruction in small. */
function sketch(canvas, payload) {
  if (!canvas.isConnected) return; // the reader has gone on
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth * ratio, height = canvas.clientHeight * ratio;
  if (!width) return;
  Object.assign(canvas, { width, height });
  const style = getComputedStyle(document.documentElement), ctx = canvas.getContext("2d");
  const flux = smoothed(floats(payload.arrays.flux), floats(payload.arrays.sigma), 14).flux, model = floats(payload.arrays.model);
  const known = [...flux].filter((one) => one === one).sort((a, b) => a - b);
  const low = Math.min(0, known[Math.floor(known.length * 0.01)] ?? 0), high = (known[Math.floor(known.length * 0.995)] ?? 1) * 1.1;
  for (const [values, color, wide] of [[flux, "--flux", 1], [model, "--model", 1.5]]) {
    ctx.beginPath();
    let pen = false;
    for (let i = 0; i < values.length; i += 4) {
      if (values[i] !== values[i]) { pen = false; continue; }
      const px = (i / values.length) * width, py = height - ((values[i] - low) / (high - low)) * height;
      if (pen) ctx.lineTo(px, py); else ctx.moveTo(px, py);
      pen = true;
    }
    ctx.strokeStyle = style.getPropertyValue(color);
    ctx.lineWidth = wide * ratio;
    ctx.stroke();
  }
}
