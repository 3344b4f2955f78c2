// The spectrum page: what keys and buttons do.

import { get, meta, say, showProblem } from "./api.js";
import { make, showFacts, showNeighbors } from "./facts.js";
import { Flow } from "./flow.js";
import { Keys } from "./keys.js";
import { broadcast } from "./samp.js";
import { exposureStyle, ionOf, prepared, SpectrumPlot } from "./spectrum.js";
import { Verdicts } from "./verdict.js";

const SMOOTHINGS = [0, 1, 2, 3, 5, 8, 13];
const GROUPS = [["broad", "narrow"], ["broad"], ["narrow"], ["absorption"], ["broad", "narrow", "absorption"], []];
const IDLE_MS = 350;
const $ = (id) => document.getElementById(id);
const all = (selector) => document.querySelectorAll(selector);
const page = JSON.parse($("page-data").textContent);
const verdicts = new Verdicts(page.queue);
const flow = new Flow(page.queue, (payload) => prepared(payload, plot.options.smooth));
const { lines } = await get("/lines");
const plot = new SpectrumPlot($("plot"), { lines });
const state = { id: null, object: null, catalogZ: 0, index: history.state?.index ?? 0, turn: 0, idle: 0, ready: false };
const RETRY_MS = 2000;

// ---- from object to object

/** Show an object; `began` is when the key was pressed. */
async function show(id, began = performance.now()) {
  const turn = ++state.turn;
  Object.assign(state, { id, ready: false });
  $("plot").setAttribute("data-busy", "");
  let loaded;
  try {
    loaded = await flow.load(id);
  } catch (error) {
    if (turn !== state.turn) return;
    state.failed = true;
    showProblem(`This object cannot be fetched: ${error.message}. Your verdicts are kept.`);
    if (error.status !== 404) setTimeout(() => { if (turn === state.turn) show(id); }, RETRY_MS);
    return;
  }
  if (turn !== state.turn) return;
  if (state.failed) showProblem("");
  state.failed = false;
  const { object, spectrum } = loaded;
  Object.assign(state, { object, catalogZ: spectrum.z ?? 0 });
  verdicts.open(id, object.my_verdict);
  const z = verdicts.current.z ?? state.catalogZ;
  plot.show(spectrum, { z });
  $("plot").removeAttribute("data-busy");
  showZ(z);
  $("exposures").setAttribute("aria-pressed", "false");
  $("exposure-list").hidden = true;
  $("target").textContent = id;
  document.title = `${id} · oddqso`;
  $("plot").setAttribute("aria-label", `Spectrum of ${id}, redshift ${state.catalogZ.toFixed(4)}`);
  requestAnimationFrame(() => {
    const painted = new MessageChannel();
    painted.port1.onmessage = () => {
      if (turn === state.turn) state.ready = true;
      performance.measure("flip", { start: began, end: performance.now(), detail: id });
      later(id, turn);
    };
    painted.port2.postMessage(0);
  });
}

/** What can wait until the spectrum is painted. */
function later(id, turn) {
  if (turn !== state.turn) return;
  showFacts(state.object, meta("reviewer"));
  document.documentElement.dataset.shown = id;
  say(`object ${id}`);
  flow.prefetch(id);
  clearTimeout(state.idle);
  state.idle = setTimeout(async () => {
    try {
      const found = await get(`/objects/${id}/neighbors?k=4`, { quiet: true });
      if (turn !== state.turn) return;
      showNeighbors(found, page.queue, (one) => get(`/objects/${one}/spectrum`, { quiet: true }));
    } catch { /* the page does without */ }
  }, IDLE_MS);
  $("neighbors").replaceChildren();
}

const address = (id) => `/object/${id}?queue=${encodeURIComponent(page.queue)}`;

function open(id, began) {
  state.index += 1;
  history.pushState({ index: state.index, id }, "", address(id));
  return show(id, began);
}

async function next(event) {
  const began = event?.timeStamp ?? performance.now();
  if (state.leaving) return;
  state.leaving = true;
  try {
    const id = await flow.next(state.id);
    if (id) open(id, began);
    else { flow.renew(state.id); notice("The queue ends here."); }
  } catch (error) {
    showProblem(`The next object cannot be fetched: ${error.message}. Your verdicts are kept.`);
  } finally {
    state.leaving = false;
  }
}

function previous() {
  if (state.index > 0) history.back();
  else notice("This is the first object that you opened.");
}

addEventListener("popstate", (event) => {
  state.index = event.state?.index ?? 0;
  const id = event.state?.id ?? location.pathname.split("/").pop();
  show(id);
});

function notice(text) {
  $("place").textContent = text;
  say(text);
  setTimeout(() => { $("place").textContent = ""; }, 4000);
}

// ---- verdicts

const nameOf = (verdict) => page.classes.find((kind) => kind.verdict === verdict)?.name ?? verdict;

/** A class is for what is on the screen: a key that comes before the next spectrum is painted does nothing. */
function give(verdict, subtype, event) {
  if (!state.ready || state.leaving) return;
  closeSubtypes();
  verdicts.give(verdict, subtype);
  notice(`${nameOf(verdict)}${subtype ? `, ${subtype}` : ""}: ${state.id}`);
  if ($("advance").checked) next(event);
}

function openSubtypes(kind) {
  const place = $("subtypes");
  place.replaceChildren(make("p", `${kind.name}: which?`, { class: "muted" }), ...kind.subtypes.map((one) => {
    const button = make("button", "", { type: "button", title: one.meaning });
    button.append(make("kbd", one.key), make("span", one.name));
    button.addEventListener("click", (event) => give(kind.verdict, one.name, event));
    return button;
  }));
  place.hidden = false;
  document.querySelector(`[data-more="${kind.verdict}"]`).setAttribute("aria-expanded", "true");
  say(`${kind.name}: ${kind.subtypes.map((one) => `${one.key} ${one.name}`).join(", ")}`);
  keys.push([...kind.subtypes.map((one) => ({ keys: [one.key], run: (event) => give(kind.verdict, one.name, event) })),
    { keys: ["Enter"], run: (event) => give(kind.verdict, null, event) }], closeSubtypes);
}

function closeSubtypes() {
  $("subtypes").hidden = true;
  for (const button of all("[data-more]")) button.setAttribute("aria-expanded", "false");
  keys.layer = null;
}

async function undo() {
  const undone = verdicts.undo(state.object?.my_verdict);
  if (!undone) { notice("There is nothing to undo."); return; }
  notice(`undone: ${undone.target_id}`);
  if (undone.target_id !== state.id) open(undone.target_id);
  else verdicts.open(state.id, null);
  await undone.answer.catch(() => {});
  refresh(undone.target_id);
}

/** Ask the server again what it knows of an object. */
async function refresh(id) {
  const was = state.object;
  flow.forget(id);
  if (id !== state.id) { verdicts.letGo(id); return; }
  const loaded = await flow.load(id).catch(() => null);
  if (!loaded) return;
  verdicts.letGo(id); // not before: until now the page knew better
  if (id !== state.id) return;
  const { object } = loaded;
  state.object = object;
  verdicts.open(id, object.my_verdict);
  showFacts(object, meta("reviewer"));
  if (was?.blinded !== object.blinded) { flow.forget(id, true); flow.load(id).then(({ spectrum }) => plot.show(spectrum, { z: plot.options.z, keepRange: true })); }
}

verdicts.addEventListener("stored", ({ detail }) => {
  flow.forget(detail.target_id, page.blind);
  if (detail.target_id === state.id) { $("verdict-state").textContent = `stored ${detail.time.slice(11, 16)} UTC`; if (page.blind) refresh(state.id); }
});

verdicts.addEventListener("change", () => {
  const { verdict, subtype, interest, confidence, flagged, z, comment, tags } = verdicts.current;
  for (const button of all("[data-verdict]")) button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
  for (const button of all("[data-interest]")) button.setAttribute("aria-pressed", String(Number(button.dataset.interest) === interest && interest !== null));
  for (const button of all("[data-confidence]")) button.setAttribute("aria-pressed", String(Number(button.dataset.confidence) === confidence));
  $("flag").setAttribute("aria-pressed", String(flagged));
  $("verdict-state").textContent = verdict ? `${nameOf(verdict)}${subtype ? `: ${subtype}` : ""}` : "none yet";
  for (const [id, value] of [["comment", comment], ["tags", tags.join(", ")], ["z-verdict", z ?? ""]]) {
    if (document.activeElement !== $(id)) $(id).value = value;
  }
});

const confident = () => verdicts.change({ confidence: ((verdicts.current.confidence ?? 0) % 3) + 1 });
const interested = (n) => verdicts.change({ interest: verdicts.current.interest === n ? null : n });
const flag = () => verdicts.change({ flagged: !verdicts.current.flagged });
const typedTags = () => [...new Set($("tags").value.split(",").map((one) => one.trim()).filter(Boolean))];
const typedZ = () => ($("z-verdict").value === "" || !$("z-verdict").validity.valid ? null : Number($("z-verdict").value));
const takeZ = () => verdicts.change({ z: Number(plot.options.z.toFixed(5)) });

// ---- the plot

function showZ(z) {
  $("z-slider").value = Math.log1p(z);
  $("z-slider").setAttribute("aria-valuetext", `z ${z.toFixed(4)}`);
  if (document.activeElement !== $("z-typed")) $("z-typed").value = z.toFixed(4);
  document.documentElement.dataset.z = z.toFixed(5);
}

function setZ(z) {
  const kept = Math.max(0, Math.min(7, z));
  plot.set("z", kept);
  showZ(kept);
}

function toggle(name) {
  plot.set(name, !plot.options[name]);
  document.querySelector(`[data-toggle="${name}"]`)?.setAttribute("aria-pressed", String(plot.options[name]));
}

function smooth(by) {
  const place = Math.max(0, Math.min(SMOOTHINGS.length - 1, SMOOTHINGS.indexOf(plot.options.smooth) + by));
  plot.set("smooth", SMOOTHINGS[place]);
  $("smooth").value = SMOOTHINGS[place];
}

function setGroups(groups) {
  plot.set("lines", new Set(groups));
  for (const box of all("[data-group]")) box.checked = groups.includes(box.dataset.group);
}

let group = 0;
const nextGroup = () => setGroups(GROUPS[(group = (group + 1) % GROUPS.length)]);

async function exposures() {
  const on = plot.options.exposures.length === 0, { id } = state;
  if (!on) { plot.set("exposures", []); $("exposures").setAttribute("aria-pressed", "false"); $("exposure-list").hidden = true; return; }
  const found = (await get(`/objects/${id}/exposures`)).exposures;
  if (id !== state.id) return;
  if (!found.length) { notice("The input has no single exposures of this object."); return; }
  plot.set("exposures", found);
  $("exposures").setAttribute("aria-pressed", "true");
  $("exposure-list").hidden = false;
  $("exposure-list").replaceChildren(...found.map((one, i) => {
    const item = make("li", `night ${one.night ?? "?"}, exposure ${one.expid ?? "?"}${one.exptime_s ? `, ${Math.round(one.exptime_s)} s` : ""}, fiber ${one.fiber ?? "?"}`);
    const sign = make("i", "", { class: "sign" });
    Object.assign(sign.style, { height: "0", borderTop: `2px ${exposureStyle(i).dash.length ? "dashed" : "solid"} ${exposureStyle(i).color}` });
    item.prepend(sign);
    return item;
  }));
}

const send = () => broadcast({ what: "spectrum", target_id: state.id }, notice);

// ---- keys: what the help shows is this

const keys = new Keys([
  ...page.classes.map((kind) => ({ keys: [kind.key], does: kind.name, group: "Class, and on to the next", run: (event) => give(kind.verdict, null, event) })),
  ...page.classes.map((kind) => ({ keys: [kind.key.toUpperCase()], does: `${kind.name}: choose a sub-type`, group: "Sub-types", run: () => openSubtypes(kind) })),
  ...[0, 1, 2, 3, 4, 5].map((n) => ({ keys: [String(n)], does: n === 0 ? "interest none" : n === 5 ? "interest highest" : `interest ${n}`, group: "Verdict", run: () => interested(n) })),
  { keys: ["c"], does: "confidence low, medium, high", group: "Verdict", run: confident },
  { keys: ["f"], does: "flag", group: "Verdict", run: flag },
  { keys: ["v"], does: "the slider's redshift is the corrected z", group: "Verdict", run: takeZ },
  { keys: ["/"], does: "comment (Esc leaves it)", group: "Verdict", run: () => $("comment").focus() },
  { keys: ["#"], does: "tags", group: "Verdict", run: () => $("tags").focus() },
  { keys: ["Backspace", "Ctrl+z"], does: "undo the last verdict", group: "Verdict", run: undo },
  { keys: ["n", "ArrowRight", " "], does: "next object, without a verdict", group: "Objects", run: next, repeats: true },
  { keys: ["p", "ArrowLeft"], does: "previous object", group: "Objects", run: previous, repeats: true },
  { keys: ["q"], does: "all queues", group: "Objects", run: () => location.assign("/") },
  { keys: ["s"], does: "smoother", group: "Spectrum", run: () => smooth(1) },
  { keys: ["S"], does: "less smooth", group: "Spectrum", run: () => smooth(-1) },
  { keys: ["+", "="], does: "zoom in", group: "Spectrum", run: () => plot.zoom(0.6), repeats: true },
  { keys: ["-"], does: "zoom out", group: "Spectrum", run: () => plot.zoom(1 / 0.6), repeats: true },
  { keys: ["[", "Shift+ArrowLeft"], does: "to the blue", group: "Spectrum", run: () => plot.pan(-0.25), repeats: true },
  { keys: ["]", "Shift+ArrowRight"], does: "to the red", group: "Spectrum", run: () => plot.pan(0.25), repeats: true },
  { keys: ["j"], does: "to what fired; again: to the next", group: "Spectrum", run: () => { if (!plot.toPeak()) notice("Nothing fired here."); } },
  { keys: ["x"], does: "whole range (or double click)", group: "Spectrum", run: () => plot.reset() },
  { keys: ["y"], does: "log or linear flux", group: "Spectrum", run: () => toggle("log") },
  { keys: ["Y"], does: "flux range ignores spikes", group: "Spectrum", run: () => toggle("robust") },
  { keys: ["m"], does: "reconstruction", group: "Spectrum", run: () => toggle("model") },
  { keys: ["b"], does: "sky, telluric bands, masks", group: "Spectrum", run: () => toggle("bands") },
  { keys: ["t"], does: "what fired", group: "Spectrum", run: () => toggle("peaks") },
  { keys: ["d"], does: "data unsmoothed, beneath", group: "Spectrum", run: () => toggle("raw") },
  { keys: ["e"], does: "single exposures", group: "Spectrum", run: exposures },
  ...($("send") ? [{ keys: ["h"], does: "send to TOPCAT and others on this machine", group: "Spectrum", run: send }] : []),
  { keys: ["i"], does: "which lines: broad, narrow, absorption, none", group: "Lines", run: nextGroup },
  { keys: ["."], does: "redshift up by 0.001", group: "Lines", run: () => setZ(plot.options.z + 0.001), repeats: true },
  { keys: [","], does: "redshift down by 0.001", group: "Lines", run: () => setZ(plot.options.z - 0.001), repeats: true },
  { keys: [">"], does: "redshift up by 0.02", group: "Lines", run: () => setZ(plot.options.z + 0.02), repeats: true },
  { keys: ["<"], does: "redshift down by 0.02", group: "Lines", run: () => setZ(plot.options.z - 0.02), repeats: true },
  { keys: ["z"], does: "type a redshift", group: "Lines", run: () => { $("z-typed").focus(); $("z-typed").select(); } },
  { keys: ["Z"], does: "back to the catalog's redshift", group: "Lines", run: () => setZ(state.catalogZ) },
  { keys: ["g"], does: "to the neighbors", group: "Objects", run: () => document.querySelector(".neighbor")?.focus() },
]);

// ---- buttons and fields

for (const width of SMOOTHINGS) $("smooth").append(make("option", width ? `${width} px` : "none", { value: width }));
$("smooth").value = plot.options.smooth;
$("smooth").addEventListener("change", () => plot.set("smooth", Number($("smooth").value)));
for (const button of all("[data-toggle]")) {
  button.setAttribute("aria-pressed", String(plot.options[button.dataset.toggle]));
  button.addEventListener("click", () => toggle(button.dataset.toggle));
}
for (const [id, does] of [["exposures", exposures], ["whole", () => plot.reset()], ["next", next], ["previous", previous], ["flag", flag], ["undo", undo], ["z-back", () => setZ(state.catalogZ)]]) {
  $(id).addEventListener("click", does);
}
$("send")?.addEventListener("click", send);
for (const button of all("[data-verdict]")) button.addEventListener("click", (event) => give(button.dataset.verdict, null, event));
for (const button of all("[data-more]")) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-expanded") === "true") return closeSubtypes();
    closeSubtypes();
    return openSubtypes(page.classes.find((kind) => kind.verdict === button.dataset.more));
  });
}
for (const button of all("[data-interest]")) button.addEventListener("click", () => interested(Number(button.dataset.interest)));
for (const button of all("[data-confidence]")) button.addEventListener("click", () => verdicts.change({ confidence: Number(button.dataset.confidence) }));
$("comment").addEventListener("change", () => verdicts.change({ comment: $("comment").value }));
$("tags").addEventListener("change", () => verdicts.change({ tags: typedTags() }));
$("z-verdict").addEventListener("change", () => verdicts.change({ z: typedZ() }));
for (const id of ["comment", "tags", "z-typed", "z-verdict"]) {
  $(id).addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); event.target.blur(); } });
}
$("z-slider").addEventListener("input", () => setZ(Math.expm1(Number($("z-slider").value))));
$("z-typed").addEventListener("input", () => { if ($("z-typed").value !== "" && $("z-typed").validity.valid) { plot.set("z", Number($("z-typed").value)); showZ(plot.options.z); } });
for (const box of all("[data-group]")) box.addEventListener("change", () => setGroups([...all("[data-group]:checked")].map((one) => one.dataset.group)));
setGroups(GROUPS[0]);
for (const ion of new Set(lines.map(ionOf))) {
  const label = make("label"), box = make("input", "", { type: "checkbox", checked: "" });
  box.addEventListener("change", () => {
    const hidden = new Set(plot.options.hiddenIons);
    if (box.checked) hidden.delete(ion); else hidden.add(ion);
    plot.set("hiddenIons", hidden);
  });
  label.append(box, ion);
  $("ions").append(label);
}
try { $("advance").checked = localStorage.getItem("oddqso-advance") !== "off"; } catch { $("advance").checked = true; }
$("advance").addEventListener("change", () => { try { localStorage.setItem("oddqso-advance", $("advance").checked ? "on" : "off"); } catch { /* not kept */ } });
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-object]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link.dataset.object);
  scrollTo(0, 0);
});

history.replaceState({ index: state.index, id: page.target_id }, "", location.href);
await show(page.target_id);
