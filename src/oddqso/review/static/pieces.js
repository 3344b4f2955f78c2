// Pieces that the pages of tables share.

export const $ = (id) => document.getElementById(id);

/** An element: `html("td", {class: "number", text: 3}, child, ...)`; functions are listeners, as `onclick`. */
export function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value ?? "";
    else if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const cell = (text, number = false) => html("td", { class: number ? "number" : null, text });
export const row = (...cells) => html("tr", {}, ...cells.map((one) => (one instanceof Node ? one : cell(one))));

/** Fill a table's body; `empty` is said where there is nothing. */
export function fill(id, rows, empty = "") {
  const body = $(id);
  const n = body.closest("table").querySelectorAll("thead th").length;
  body.replaceChildren(...(rows.length || !empty ? rows : [html("tr", {}, html("td", { colspan: n, class: "muted", text: empty }))]));
}

export const count = (n, one, more = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`;
export const percent = (x, digits = 0) => (x === null || x === undefined ? "" : `${(100 * x).toFixed(digits)} %`);
export const fixed = (x, digits = 2) => (x === null || x === undefined ? "" : x.toFixed(digits));
export const kindsOf = (classes) => new Map(classes.map((kind) => [kind.verdict, kind]));

/** A bar from 0 to 1 that says its share in words, too. */
export function meter(share, words) {
  const bar = html("progress", { max: 1, value: share, "aria-label": words, title: words });
  return bar;
}
