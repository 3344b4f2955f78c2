// Disagreements, one after the other: who says what, the spectrum, and a key that decides.

import { get, say } from "./api.js";
import { Keys } from "./keys.js";
import { outbox } from "./outbox.js";
import { $, count, html, kindsOf } from "./pieces.js";
import { SpectrumPlot } from "./spectrum.js";

const { classes, vetting } = JSON.parse($("page-data").textContent);
const names = kindsOf(classes);
const state = { cases: [], at: 0, turn: 0 };
const { lines } = await get("/lines");
const plot = new SpectrumPlot($("plot"), { lines });

async function load() {
  const [objects, items] = await Promise.all([get("/conflicts"), vetting ? get("/vetting/conflicts") : { conflicts: [] }]);
  state.cases = [
    ...objects.conflicts.map((one) => ({ name: one.target_id, spectrum: `/objects/${one.target_id}/spectrum`, page: `/object/${one.target_id}?queue=disagreements`,
      verdicts: one.verdicts.map((said) => ({ ...said, who: said.reviewer })), settle: (body) => outbox.send("/settle", { target_id: one.target_id, ...body }) })),
    ...items.conflicts.map((one) => ({ name: one.item, spectrum: `/vetting/items/${one.item}/spectrum`, page: null,
      verdicts: one.verdicts.map((said) => ({ ...said, who: said.vetter })), settle: (body) => outbox.send("/vetting/answers", { item: one.item, settles: true, ...body }) })),
  ];
  state.at = 0;
  await show();
}

async function show() {
  const turn = ++state.turn, one = state.cases[state.at];
  $("nothing").hidden = Boolean(one);
  $("plot").hidden = $("sides").hidden = !one;
  $("what").textContent = one?.name ?? "";
  $("open").hidden = !one?.page;
  if (!one) { $("place").textContent = ""; return; }
  if (one.page) $("open").href = one.page;
  $("place").textContent = `${state.at + 1} of ${count(state.cases.length, "disagreement")}`;
  $("comment").value = "";
  $("sides").replaceChildren(...one.verdicts.map(side));
  for (const button of document.querySelectorAll("[data-verdict]")) button.setAttribute("aria-pressed", button.dataset.verdict === one.settled);
  const payload = await get(one.spectrum);
  if (turn === state.turn) plot.show(payload);
}

function side(said) {
  const z = said.z === null || said.z === "" ? "" : `z = ${said.z}`;
  const more = [said.subtype, said.confidence ? `confidence ${said.confidence} of 3` : "", said.interest === null || said.interest === undefined ? "" : `interest ${said.interest}`, z].filter(Boolean);
  return html("article", { class: "side" }, html("h3", { text: names.get(said.verdict)?.name ?? said.verdict }),
    html("p", { class: "muted", text: said.who }), html("p", { text: more.join(", ") }), html("p", { text: said.comment }));
}

function decide(verdict) {
  const one = state.cases[state.at];
  if (!one) return;
  const { answer } = one.settle({ verdict, comment: $("comment").value.trim() });
  one.settled = verdict;
  say(`${one.name} is settled: ${names.get(verdict).name}`);
  answer.catch(() => { one.settled = undefined; });
  const next = state.cases.findIndex((other) => !other.settled);
  if (next >= 0) { state.at = next; show(); } else answer.then(load);
}

const step = (by) => { if (state.cases[state.at + by]) { state.at += by; show(); } };
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => decide(button.dataset.verdict));
new Keys([
  ...classes.map((kind) => ({ keys: [kind.key], does: kind.name, group: "It is", run: () => decide(kind.verdict) })),
  { keys: ["/"], does: "why", group: "It is", run: () => $("comment").focus() },
  { keys: ["n", "ArrowRight"], does: "next", group: "Disagreements", run: () => step(1) },
  { keys: ["p", "ArrowLeft"], does: "previous", group: "Disagreements", run: () => step(-1) },
]);
load();
