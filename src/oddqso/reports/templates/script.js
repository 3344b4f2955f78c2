"use strict";
const body = document.body, table = document.querySelector("table.list");

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});

if (table) {
  const rows = [...table.tBodies[0].rows], shown = document.getElementById("shown");
  const search = document.getElementById("search"), split = document.getElementById("split");
  const value = (row, i) => {
    const text = row.cells[i].dataset.value ?? row.cells[i].textContent.trim();
    return text !== "" && !isNaN(text) && text.length < 16 ? Number(text) : text;  // a TARGETID stays text
  };
  table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
    const head = button.closest("th"), i = head.cellIndex, up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    rows.sort((a, b) => {
      const x = value(a, i), y = value(b, i);
      if (x === "" || y === "") return (x === "") - (y === "");  // the unknown stays last
      return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
    }).forEach((row) => table.tBodies[0].append(row));
  }));
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const card = document.getElementById(row.dataset.card);
      const text = (row.textContent + card.textContent).toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!split.value || row.dataset.split === split.value);
      row.hidden = card.hidden = !fits;
      n += fits;
    }
    shown.textContent = n === rows.length ? `${n} shown` : `${n} of ${rows.length} shown`;
  };
  search.addEventListener("input", filter);
  split.addEventListener("change", filter);
  document.getElementById("blind")?.addEventListener("change", (event) => body.classList.toggle("blind", event.target.checked));
}

const links = [...document.querySelectorAll("nav a")];
const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => {
  if (entry.isIntersecting) links.forEach((a) => a.classList.toggle("here", a.hash === `#${entry.target.id}`));
}), { rootMargin: "0px 0px -75% 0px" });
document.querySelectorAll("section[id]").forEach((section) => watcher.observe(section));
