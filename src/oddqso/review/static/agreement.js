// How far reviewers agree, and how good each is.

import { get } from "./api.js";
import { cell, fill, fixed, html, percent, row } from "./pieces.js";

/** A value with its interval on a line from `low` to `high`. */
function interval(value, from, to, low, high) {
  const place = (x) => `${(100 * (Math.max(low, Math.min(high, x)) - low)) / (high - low)}%`;
  const words = `${fixed(value)} (${fixed(from)} to ${fixed(to)})`;
  const line = html("span", { class: "interval", role: "img", "aria-label": words, title: words });
  if (value === null) return html("td", { class: "muted", text: "not defined" });
  if (from !== null && to !== null) {
    const bar = html("b");
    bar.style.left = place(from);
    bar.style.right = `calc(100% - ${place(to)})`;
    line.append(bar);
  }
  const dot = html("i");
  dot.style.left = place(value);
  line.append(dot);
  return html("td", {}, line);
}

const kappaRow = (name, one) => row(html("th", { scope: "row", text: name }), cell(one.n.toLocaleString("en"), true),
  cell(percent(one.observed), true), cell(fixed(one.kappa), true), interval(one.kappa, one.low, one.high, -1, 1));

function share(one) {
  if (!one.n) return html("td", { class: "muted", text: "none yet" });
  const made = interval(one.rate, one.low, one.high, 0, 1);
  made.prepend(`${percent(one.rate)} of ${one.n} `);
  return made;
}

const told = await get("/agreement");
for (const name of ["odd", "kind"]) {
  const { group, pairs } = told[name];
  const rows = pairs.map((one) => kappaRow(`${one.a} and ${one.b}`, one));
  fill(name, group.n ? [kappaRow("all together", group), ...rows] : [], "Nobody judged an object that another one judged, too.");
}
for (const name of ["gold", "settled"]) {
  fill(name, told[name].map((one) => row(html("th", { scope: "row", text: one.reviewer }), share(one.right), share(one.missed), share(one.false_alarms), cell(one.n_unsure, true))),
    name === "gold" ? "No gold item was judged yet." : "No settled object yet.");
}
