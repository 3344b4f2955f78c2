// One map of keys: it answers to keys, and the help that `?` opens is made from it.

const SWITCH = "oddqso-keys";
const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space", Escape: "Esc", Backspace: "⌫" };

/** A key as it is written in the map: "a", "A", "Ctrl+z", "Shift+ArrowLeft". */
export function nameOf(event) {
  const plain = event.key.length === 1 ? event.key : `${event.shiftKey ? "Shift+" : ""}${event.key}`;
  return event.ctrlKey || event.metaKey ? `Ctrl+${plain.toLowerCase()}` : event.altKey ? `Alt+${plain}` : plain;
}

const isTyping = (target) => target instanceof HTMLElement
  && (target.isContentEditable || target.matches('textarea, select, input:not([type="checkbox"], [type="radio"], [type="range"], [type="button"])'));
/** A control that has focus keeps the keys that work it. */
const isItsOwn = (target, key) => target instanceof HTMLElement && (
  (target.matches("button, a, summary") && (key === " " || key === "Enter"))
  || (target.matches('input[type="range"], input[type="radio"]') && key.startsWith("Arrow"))
  || (target.matches('input[type="checkbox"], input[type="radio"]') && key === " "));

/**
 * Keys of a page.
 *
 * An entry: `{keys: ["n", "ArrowRight"], does: "next object", group: "Objects", run: (event) => ...}`. A layer lies over
 * the map for the next key, as for sub-types; what it does not know closes it.
 */
export class Keys {
  constructor(entries = []) {
    this.entries = [];
    this.byKey = new Map();
    this.layer = null;
    this.add([{ keys: ["?"], does: "this help", group: "Page", run: () => this.help() },
      { keys: ["T"], does: "dark or light", group: "Page", run: () => document.dispatchEvent(new Event("toggletheme")) },
      ...entries]);
    document.addEventListener("keydown", (event) => this.press(event));
    const button = document.getElementById("help-open");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => this.help());
    }
  }

  add(entries) {
    for (const entry of entries) {
      this.entries.push(entry);
      for (const key of entry.keys) {
        if (this.byKey.has(key)) throw new Error(`key ${key} has two meanings`);
        this.byKey.set(key, entry);
      }
    }
  }

  /** Lay keys over the map until one of them, or Escape, was pressed. */
  push(entries, closed = () => {}) {
    this.layer = { byKey: new Map(entries.flatMap((entry) => entry.keys.map((key) => [key, entry]))), closed };
  }

  pop() {
    const layer = this.layer;
    this.layer = null;
    layer?.closed();
  }

  get on() {
    try { return localStorage.getItem(SWITCH) !== "off"; } catch { return true; }
  }

  press(event) {
    if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const name = nameOf(event);
    if (isTyping(event.target)) {
      if (name === "Escape") event.target.blur();
      return;
    }
    if (isItsOwn(event.target, event.key)) return;
    if (!this.on && name.length === 1 && name !== "?") return;
    if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    if (this.layer) {
      const entry = this.layer.byKey.get(name);
      this.pop();
      event.preventDefault();
      entry?.run(event);
      return;
    }
    const entry = this.byKey.get(name);
    if (!entry || (event.repeat && !entry.repeats)) return;
    event.preventDefault();
    entry.run(event);
  }

  /** Open the help. */
  help() {
    this.dialog ??= this.makeDialog();
    const place = this.dialog.querySelector(".keys");
    place.replaceChildren(...[...new Set(this.entries.map((entry) => entry.group))].map((group) => this.section(group)));
    this.dialog.showModal();
  }

  section(group) {
    const section = document.createElement("section");
    const list = document.createElement("dl");
    for (const entry of this.entries.filter((one) => one.group === group)) {
      const term = document.createElement("dt");
      entry.keys.forEach((key, i) => {
        if (i) term.append(" ");
        term.append(Object.assign(document.createElement("kbd"), { textContent: shown(key) }));
      });
      list.append(term, Object.assign(document.createElement("dd"), { textContent: entry.does }));
    }
    section.append(Object.assign(document.createElement("h3"), { textContent: group }), list);
    return section;
  }

  makeDialog() {
    const dialog = document.createElement("dialog");
    dialog.id = "help";
    dialog.setAttribute("aria-labelledby", "help-title");
    dialog.innerHTML = `<div class="dialog-head"><h2 id="help-title">Keys</h2>
      <form method="dialog"><button autofocus>Close</button></form></div>
      <div class="keys"></div>
      <label class="row"><input type="checkbox" id="keys-on"> Single keys work</label>`;
    const box = dialog.querySelector("#keys-on");
    box.checked = this.on;
    box.addEventListener("change", () => {
      try { localStorage.setItem(SWITCH, box.checked ? "on" : "off"); } catch { /* not kept, then */ }
    });
    dialog.addEventListener("keydown", (event) => { if (event.key === "?") dialog.close(); });
    document.body.append(dialog);
    return dialog;
  }
}

/** A key as people read it. */
export const shown = (key) => key.split(/(?<=.)\+(?=.)/).map((part) => SHOWN[part] ?? part).join("+");
