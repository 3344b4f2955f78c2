// The start page: queues and how far they are, filters, files, who looks.

import { get, meta, post, remove } from "./api.js";
import { $, cell, count, fill, html, meter, percent, row } from "./pieces.js";
import { broadcast } from "./samp.js";

const FORMATS = { csv: "csv", parquet: "parquet", vot: "votable", votable: "votable", xml: "votable", fits: "fits" };
const NO_VALUE = new Set(["known", "unknown"]);
let columns = [], operators = [], filters = [], parts = {};

async function load() {
  const [run, told, saved] = await Promise.all([get("/run"), get("/queues"), get("/filters")]);
  ({ columns, operators } = told);
  ({ parts } = run);
  filters = saved.filters;
  showClaim(run.claim?.sentence ?? "");
  fill("queues", told.queues.map(queueRow));
  if (!$("lines").children.length) addLine();
  const order = document.forms.filter.elements.order_by;
  if (!order.length) order.append(...columns.map((name) => html("option", { text: name, selected: name === "SCORE" })));
  const { by_reviewer: people } = await get("/counts");
  const rows = Object.entries(people).sort((a, b) => b[1] - a[1]);
  $("who-part").hidden = rows.length < 2;
  fill("who", rows.map(([name, n]) => row(name, cell(n.toLocaleString("en"), true))));
}

/** The first sentences say what is claimed, the rest how it can grow. */
function showClaim(sentence) {
  const place = $("claim");
  const said = sentence.split(/(?<=\.) (?=[A-Z])/);
  place.replaceChildren(html("span", { text: said.slice(0, 2).join(" ") }));
  if (said.length > 2) {
    place.append(html("details", {}, html("summary", { text: "What that rests on" }), html("span", { text: said.slice(2).join(" ") })));
  }
}

function queueRow(queue) {
  const address = `/next?queue=${encodeURIComponent(queue.name)}`;
  const done = queue.total ? 1 - queue.left / queue.total : 1;
  const open = html("button", { type: "button", text: "Review", disabled: !queue.total, "aria-label": `Review ${queue.title}`,
    title: queue.total && !queue.left ? "You judged all of them; it begins anew." : "It goes on with the first that you did not judge.",
    onclick: async () => {
      let { items } = await get(`${address}&n=1&fresh=true`);
      if (!items.length) ({ items } = await get(`${address}&n=1`));
      if (items.length) location.href = `/object/${items[0]}?queue=${encodeURIComponent(queue.name)}`;
    } });
  const send = parts.samp ? html("button", { type: "button", class: "quiet", text: "Send to TOPCAT", onclick: () => broadcast({ what: "table", queue: queue.name }, (words) => { $("samp-note").textContent = words; }) }) : null;
  const mine = filters.find((one) => one.queue === queue.name && one.owner === meta("reviewer"));
  const drop = mine ? html("button", { type: "button", class: "quiet", text: "Delete", "aria-label": `Delete ${queue.title}`,
    onclick: async () => { await remove(`/filters/${mine.id}`); load(); } }) : null;
  return row(html("td", {}, html("strong", { text: queue.title }), html("div", { class: "muted", text: specWords(queue) })),
    cell(queue.total.toLocaleString("en"), true), cell(queue.left.toLocaleString("en"), true),
    html("td", {}, queue.total ? meter(done, `${percent(done, 1)} done`) : html("span", { class: "muted", text: "empty" })), html("td", {}, html("div", { class: "row" }, open, send, drop)));
}

const specWords = ({ kind, spec }) => (kind === "built-in" ? "" : spec.filters
  .map((one) => `${one.column} ${one.op} ${one.value ?? ""}`.trim()).join(", "));

function addLine() {
  const column = html("select", { "aria-label": "Column" }, ...columns.map((name) => html("option", { text: name, selected: name === "SNR" })));
  const op = html("select", { "aria-label": "Comparison" }, ...operators.map((name) => html("option", { text: name, selected: name === ">" })));
  const value = html("input", { "aria-label": "Value", placeholder: "value" });
  op.addEventListener("change", () => { value.hidden = NO_VALUE.has(op.value); });
  const line = html("div", {}, column, op, value,
    html("button", { type: "button", class: "quiet", text: "✕", "aria-label": "Drop this condition", onclick: () => line.remove() }));
  $("lines").append(line);
}

/** A number, a truth, a list, or a word, as it was typed; a TARGETID is above 2**53 and stays as it was typed. */
function valueOf(text, op, column) {
  if (op === "in") return text.split(",").map((one) => valueOf(one.trim(), "==", column));
  if (column === "TARGETID") return text;
  if (text === "true" || text === "false") return text === "true";
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

document.forms.filter.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target.elements;
  const conditions = [...$("lines").children].map((line) => {
    const [column, op] = [...line.querySelectorAll("select")].map((one) => one.value);
    return NO_VALUE.has(op) ? { column, op } : { column, op, value: valueOf(line.querySelector("input").value.trim(), op, column) };
  });
  const spec = { order_by: form.order_by.value, descending: form.descending.checked, filters: conditions };
  await post("/filters", { name: form.name.value, spec, shared: form.shared?.checked ?? false });
  $("filter-note").textContent = "Saved; it stands among the queues.";
  load();
});

document.forms.bring.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { file, format } = event.target.elements;
  const [chosen] = file.files;
  const kind = format.value || (/vi\.csv$/i.test(chosen.name) ? "desi-vi" : FORMATS[chosen.name.split(".").pop().toLowerCase()]);
  if (!kind) { $("bring-note").textContent = "Say which format it is."; return; }
  const answer = await fetch(`/api/v1/verdicts/import?format=${kind}`, {
    method: "POST", body: chosen, headers: { "x-csrf-token": meta("csrf"), "content-type": "application/octet-stream" },
  });
  const told = await answer.json();
  $("bring-note").className = answer.ok ? "good" : "error";
  $("bring-note").textContent = answer.ok ? `${count(told.n_new, "verdict")} of ${told.n_rows} new.` : told.detail;
  if (answer.ok) load();
});

$("more").addEventListener("click", addLine);
load();
