// The blind queue: an item, a key, the next one; beside it what the answers certify.

import { get, post, say, showProblem } from "./api.js";
import { Keys } from "./keys.js";
import { outbox } from "./outbox.js";
import { $, cell, count, fill, html, percent, row } from "./pieces.js";
import { SpectrumPlot } from "./spectrum.js";

const SMOOTHINGS = [0, 1, 2, 3, 5, 8, 13];
const AHEAD = 4, KEPT = 40, BUSY_MS = 2000;
const { classes, lead } = JSON.parse($("page-data").textContent);
const state = { batch: null, items: [], at: -1, turn: 0, timer: 0 };
const spectra = new Map();
const { lines } = await get("/lines");
const plot = new SpectrumPlot($("plot"), { lines, peaks: false });

// ---- items

/** The spectrum of an item; it comes once, and stays for a while. */
function fetched(item) {
  if (!spectra.has(item)) {
    const asked = get(`/vetting/items/${item}/spectrum`, { quiet: true });
    asked.catch(() => spectra.delete(item));
    spectra.set(item, asked);
    if (spectra.size > KEPT) spectra.delete(spectra.keys().next().value);
  }
  return spectra.get(item);
}

async function load(batch = null) {
  const told = await get(`/vetting/items${batch ? `?batch=${batch}` : ""}`);
  Object.assign(state, { batch: told.batch, items: told.items, at: -1 });
  $("nothing").hidden = told.items.length > 0;
  $("plot").hidden = !told.items.length;
  $("nothing").textContent = lead ? "No batch is drawn yet. Draw one at the right: the oddest held-out spectra, with controls among them."
    : "No batch is drawn yet; a lead draws one.";
  if (told.items.length) await show(nextOpen(-1) ?? 0);
}

/** The next item without one's own verdict: those that nobody judged first, then the others. */
function nextOpen(from) {
  const n = state.items.length;
  const order = [...Array(n).keys()].map((k) => (from + 1 + k + n) % n);
  return order.find((k) => !state.items[k].mine && !state.items[k].answered) ?? order.find((k) => !state.items[k].mine);
}

async function show(at) {
  const turn = ++state.turn;
  state.at = at;
  const one = state.items[at];
  $("plot").setAttribute("data-busy", "");
  let payload;
  try {
    payload = await fetched(one.item);
  } catch (error) {
    if (turn === state.turn) { say(error.message); setTimeout(() => { if (turn === state.turn) show(at); }, BUSY_MS); }
    return;
  }
  if (turn !== state.turn) return;
  plot.show(payload);
  $("plot").removeAttribute("data-busy");
  $("item").textContent = one.item;
  $("comment").value = $("z-verdict").value = "";
  document.documentElement.dataset.shown = one.item;
  showZ(payload.z);
  showMarks();
  for (let k = 1; k <= AHEAD; k++) if (state.items[at + k]) fetched(state.items[at + k].item).catch(() => {});
}

function showMarks() {
  const one = state.items[state.at], mine = state.items.filter((item) => item.mine).length;
  $("place").textContent = `${state.batch}: ${state.at + 1} of ${state.items.length}, ${mine} judged by you`;
  $("strip").replaceChildren(...state.items.map((item, k) => html("i", {
    class: `${item.mine ? "mine" : item.answered ? "other" : ""}${k === state.at ? " here" : ""}` })));
  for (const button of document.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", button.dataset.verdict === one.mine);
}

function give(verdict) {
  const one = state.items[state.at];
  if (!one) return;
  const typed = $("z-verdict").value;
  const { answer } = outbox.send("/vetting/answers", {
    item: one.item, verdict, z: typed === "" ? null : Number(typed), comment: $("comment").value.trim() });
  Object.assign(one, { mine: verdict, answered: true });
  say(`${one.item}: ${verdict}`);
  answer.then(() => { showProblem(""); standing(); }, () => { one.mine = null; showMarks(); });
  const next = nextOpen(state.at);
  if (next === undefined) { showMarks(); $("place").textContent += " — this batch is done"; } else show(next);
}

const step = (by) => { if (state.items[state.at + by]) show(state.at + by); };

function showZ(z) {
  $("z-typed").value = z.toFixed(4);
  $("z-slider").value = Math.log1p(z);
}

function moveZ(z) {
  plot.set("z", z);
  showZ(z);
}

// ---- what is certified

async function standing() {
  clearTimeout(state.timer);
  const told = await get("/vetting", { quiet: true });
  const { tiers, vetting } = told.certificate;
  fill("tiers", tiers.map((tier) => row(tier.name, cell(percent(tier.alpha), true), cell(tier.n_listed.toLocaleString("en"), true), cell(percent(tier.fdp_95, 1), true))));
  fill("groups", vetting.progress.map((one) => row(one.name, cell(one.depth.toLocaleString("en"), true), cell(one.n_odd.toLocaleString("en"), true), toGo(one))));
  const rest = told.n_answers - told.n_counted;
  $("counted").textContent = `${count(told.n_judged, "item")} of ${told.n_items.toLocaleString("en")} judged.`
    + (rest ? ` The last ${rest === 1 ? "answer" : count(rest, "answer")} will count with the next ones, so that no item gives itself away.` : "");
  $("sentence").textContent = told.sentence;
  showUpdate(told);
  fill("batches", told.batches.map((one) => row(one.audit ? `${one.name} (audit of ${one.audit})` : one.name,
    cell(`${one.n_judged} / ${one.n_items}`, true),
    html("td", {}, html("button", { type: "button", text: "Open", "aria-label": `Open ${one.name}`, disabled: one.name === state.batch, onclick: () => load(one.name).then(standing) })))), "none yet");
  $("vetter-table").hidden = !told.vetters.length;
  fill("vetters", told.vetters.map((one) => row(one.name, cell(one.n_judged, true), cell(`${one.n_missed} / ${one.n_planted}`, true), cell(`${one.n_false} / ${one.n_ordinary}`, true))));
  const from = document.forms.draw?.elements.audit;
  if (from && from.length === 1) from.append(...tiers.map((tier) => html("option", { value: tier.name, text: `audit: ${tier.name}` })));
  if (told.update.state === "running") state.timer = setTimeout(standing, BUSY_MS);
}

function toGo(one) {
  if (one.may_stop) return html("td", {}, html("span", { class: "chip good", text: "may stop" }));
  return one.looks_to_stop === null ? "many" : `about ${one.looks_to_stop.toLocaleString("en")}`;
}

function showUpdate({ current, update, n_conflicts: conflicts }) {
  const place = $("update");
  const words = update.state === "running" ? "The run is being brought up to date…"
    : update.state === "failed" ? `The run could not be brought up to date: ${update.error}`
      : current === null ? "The run is brought up to date when this batch is done."
        : current ? "The run says the same." : "The run does not know the last answers yet; it is brought up to date when a batch is done.";
  place.className = update.state === "failed" ? "error" : "muted";
  place.replaceChildren(html("span", { text: words }));
  if (conflicts) place.append(" ", html("a", { href: "/settle", text: `${count(conflicts, "contradiction")} to settle` }));
}

document.forms.draw?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { n, audit } = event.target.elements;
  const button = event.submitter;
  button.disabled = true;
  say("drawing a batch");
  try {
    const { batch } = await post("/vetting/batches", { n: n.value ? Number(n.value) : null, audit: audit.value || null });
    await load(batch);
  } finally {
    button.disabled = false;
    standing();
  }
});
$("bring")?.addEventListener("click", async () => { await post("/vetting/update", {}); standing(); });
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("z-slider").addEventListener("input", (event) => moveZ(Math.expm1(Number(event.target.value))));
$("z-typed").addEventListener("change", (event) => moveZ(Number(event.target.value)));
for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => give(button.dataset.verdict));

const smooth = (by) => {
  const k = SMOOTHINGS.indexOf(plot.options.smooth);
  plot.set("smooth", SMOOTHINGS[Math.max(0, Math.min(SMOOTHINGS.length - 1, k + by))]);
};
new Keys([
  ...classes.map((kind) => ({ keys: [kind.key], does: `${kind.name}: ${kind.meaning}`, group: "Verdict", run: () => give(kind.verdict) })),
  { keys: ["/"], does: "comment", group: "Verdict", run: () => $("comment").focus() },
  { keys: ["n", "ArrowRight"], does: "next item", group: "Items", run: () => step(1) },
  { keys: ["p", "ArrowLeft", "Backspace"], does: "previous item, to judge it again", group: "Items", run: () => step(-1) },
  { keys: ["s"], does: "smoother", group: "Spectrum", run: () => smooth(1) },
  { keys: ["S"], does: "less smooth", group: "Spectrum", run: () => smooth(-1) },
  { keys: ["+", "="], does: "zoom in", group: "Spectrum", run: () => plot.zoom(0.7), repeats: true },
  { keys: ["-"], does: "zoom out", group: "Spectrum", run: () => plot.zoom(1 / 0.7), repeats: true },
  { keys: ["[", "Shift+ArrowLeft"], does: "to the blue", group: "Spectrum", run: () => plot.pan(-0.2), repeats: true },
  { keys: ["]", "Shift+ArrowRight"], does: "to the red", group: "Spectrum", run: () => plot.pan(0.2), repeats: true },
  { keys: ["x"], does: "whole range", group: "Spectrum", run: () => plot.reset() },
  { keys: ["."], does: "redshift up by 0.001", group: "Lines", run: () => moveZ(plot.options.z + 0.001), repeats: true },
  { keys: [","], does: "redshift down by 0.001", group: "Lines", run: () => moveZ(Math.max(0, plot.options.z - 0.001)), repeats: true },
]);
await load();
standing();
