// Accounts, assignments and gold items; for leads.

import { get, meta, patch, post, remove, say } from "./api.js";
import { $, cell, count, fill, html, kindsOf, row } from "./pieces.js";

const { classes } = JSON.parse($("page-data").textContent);
const names = kindsOf(classes);
const SHOWN = 40;

async function load() {
  const [people, dealt, gold, audit, queues] = await Promise.all(
    ["/reviewers", "/assignments", "/gold", "/audit", "/queues"].map((path) => get(path)));
  const done = new Map();
  for (const one of dealt.assignments) {
    const [n, of] = done.get(one.reviewer) ?? [0, 0];
    done.set(one.reviewer, [n + (one.done ? 1 : 0), of + 1]);
  }
  fill("accounts", people.reviewers.map((one) => account(one, done.get(one.name))));
  fill("gold", gold.gold.map((one) => row(html("td", {}, html("a", { href: `/object/${one.target_id}`, class: "mono", text: one.target_id })),
    names.get(one.verdict)?.name ?? one.verdict, one.by,
    html("td", {}, html("button", { type: "button", class: "quiet", text: "Remove", "aria-label": `Remove ${one.target_id}`, onclick: () => act(remove(`/gold/${one.target_id}`), "removed") })))), "none yet");
  fill("audit", audit.audit.slice(-SHOWN).reverse().map((one) => row(one.time.slice(0, 16).replace("T", " "), one.by, `${one.action} ${one.subject}`)), "nothing yet");
  const { reviewer, queue } = document.forms.assign.elements;
  const chosen = reviewer.value;
  reviewer.replaceChildren(...people.reviewers.filter((one) => !one.disabled).map((one) => html("option", { text: one.name, selected: one.name === chosen })));
  if (!queue.length) queue.append(...queues.queues.map((one) => html("option", { value: one.name, text: one.title })));
}

function account(one, [done, dealt] = [0, 0]) {
  const state = one.disabled ? "shut" : one.has_password ? "open" : "no password";
  const shut = one.name === meta("reviewer") ? null : html("button", { type: "button", class: "quiet", text: one.disabled ? "Open again" : "Shut",
    "aria-label": `${one.disabled ? "Open again" : "Shut"} ${one.name}`, onclick: () => act(patch(`/reviewers/${one.id}`, { disabled: !one.disabled }), one.disabled ? "open again" : "shut") });
  const password = html("button", { type: "button", class: "quiet", text: "New password", "aria-label": `New password for ${one.name}`, onclick: () => ask(one) });
  return row(html("th", { scope: "row", text: one.name }), roleOf(one), cell(one.n_verdicts.toLocaleString("en"), true), dealt ? `${done} of ${dealt} done` : "",
    html("td", {}, html("span", { class: `chip ${one.disabled ? "bad" : one.has_password ? "good" : "warn"}`, text: state })), html("td", {}, html("div", { class: "row" }, password, shut)));
}

/** The role, to be changed; one's own is another lead's to change. */
function roleOf(one) {
  if (one.name === meta("reviewer")) return one.role;
  const select = html("select", { "aria-label": `Role of ${one.name}`, onchange: async () => {
    try { await act(patch(`/reviewers/${one.id}`, { role: select.value }), `${one.name} is a ${select.value} now`); } catch { select.value = one.role; }
  } }, ...["reviewer", "lead"].map((role) => html("option", { text: role, selected: role === one.role })));
  return html("td", {}, select);
}

/** Ask for a new password in a dialog. */
function ask(one) {
  const input = html("input", { type: "password", minlength: 10, required: true, autocomplete: "new-password", "aria-label": "New password" });
  const form = html("form", { method: "dialog", class: "stack" }, html("h2", { text: `New password for ${one.name}` }), input,
    html("div", { class: "row" }, html("button", { type: "submit", class: "main-action", text: "Set" }), html("button", { type: "button", text: "Cancel", onclick: () => dialog.close() })));
  const dialog = html("dialog", { "aria-label": "New password" }, form);
  form.addEventListener("submit", () => act(patch(`/reviewers/${one.id}`, { password: input.value }), "set; all sessions of the account ended"));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function act(promise, words) {
  const told = await promise;
  await load();
  $("note").textContent = words;
  say(words);
  return told;
}

function onSubmit(name, send) {
  document.forms[name].addEventListener("submit", async (event) => {
    event.preventDefault();
    await send(event.target.elements);
    if (name !== "assign") event.target.reset();
  });
}

onSubmit("account", ({ name, role, password }) => act(post("/reviewers", { name: name.value, role: role.value, password: password.value }), `${name.value} may review`));
onSubmit("gold-form", ({ target_id: id, verdict }) => act(post("/gold", { target_id: id.value.trim(), verdict: verdict.value }), "added"));
onSubmit("assign", async ({ reviewer, n, queue, ids }) => {
  const targets = ids.value.split(/[\s,;]+/).filter(Boolean);
  const { n_new: added } = await post("/assignments", targets.length ? { reviewer: reviewer.value, target_ids: targets } : { reviewer: reviewer.value, n: Number(n.value), queue: queue.value });
  await act(Promise.resolve(), `${count(added, "object")} assigned to ${reviewer.value}`);
});
load();
