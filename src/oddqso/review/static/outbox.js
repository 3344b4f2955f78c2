// What was decided is kept here until the server has it: sent in order, sent again until acknowledged, stored once.
//
// An entry is a key of its own in localStorage, so tabs do not overwrite each other, and a closed or killed browser
// forgets nothing. Each body has a `client_id`; the server stores the same client_id once, whoever sends it how often.

import { meta, Problem, request, showProblem } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;
const IDS_KEPT = 500;
/** Answers that a second try does not change. */
const FINAL = new Set([400, 404, 405, 409, 413, 422]);

/** A UUID (version 4), also where the page is not a secure context. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

class Outbox extends EventTarget {
  constructor() {
    super();
    const owner = `${meta("run")}:${meta("reviewer")}`;
    this.prefix = `oddqso-outbox:${owner}:`;
    this.refused = `oddqso-refused:${owner}:`;
    this.known = `oddqso-ids:${owner}`; // client_id -> id of what was stored last
    this.waiting = new Map(); // client_id -> {resolve, reject} of this page
    this.spare = new Map(); // entries where localStorage is full or forbidden
    this.sending = false;
    this.failing = "";
    this.wait = FIRST_WAIT_MS;
    this.timer = 0;
    this.last = 0;
    addEventListener("online", () => this.flush());
    addEventListener("focus", () => this.flush());
    addEventListener("storage", (event) => { if (event.key?.startsWith(this.prefix)) this.show(); });
    addEventListener("beforeunload", (event) => { if (this.spare.size) event.preventDefault(); });
    if (meta("reviewer")) this.flush();
  }

  /**
   * Keep a body and send it; the promise holds the server's answer, once there is one.
   * `after` is the client_id of an entry whose answer's id takes the place of `{id}` in the path.
   */
  send(path, body, { after = null } = {}) {
    const entry = { path, body: { client_id: uuid(), ...body }, after };
    this.last = Math.max(Date.now(), this.last + 1);
    const key = `${this.prefix}${String(this.last).padStart(15, "0")}-${entry.body.client_id}`;
    this.write(key, entry);
    const answer = new Promise((resolve, reject) => this.waiting.set(entry.body.client_id, { resolve, reject }));
    answer.catch(() => {}); // shown where it happens; callers may look, too
    this.flush();
    return { client_id: entry.body.client_id, answer };
  }

  /** Entries not yet acknowledged, the oldest first. */
  pending() {
    return this.keys().map((key) => this.read(key)).filter(Boolean);
  }

  keys() {
    const found = [...this.spare.keys()];
    for (let i = 0; i < this.stored?.length; i++) {
      const key = this.stored.key(i);
      if (key.startsWith(this.prefix)) found.push(key);
    }
    return found.sort();
  }

  get stored() {
    try { return localStorage; } catch { return null; }
  }

  read(key) {
    if (this.spare.has(key)) return this.spare.get(key);
    try { return JSON.parse(this.stored.getItem(key)); } catch { return null; }
  }

  write(key, entry) {
    try { this.stored.setItem(key, JSON.stringify(entry)); } catch { this.spare.set(key, entry); }
  }

  drop(key) {
    this.spare.delete(key);
    this.stored?.removeItem(key);
  }

  async flush() {
    clearTimeout(this.timer);
    this.show();
    if (this.sending) return;
    this.sending = true;
    try {
      for (let key = this.keys()[0]; key !== undefined; key = this.keys()[0]) {
        const entry = this.read(key);
        if (!entry) { this.drop(key); continue; } // sent by another tab, or not readable
        if (!(await this.deliver(key, entry))) {
          this.timer = setTimeout(() => this.flush(), this.wait);
          this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
          break;
        }
        this.failing = "";
        this.wait = FIRST_WAIT_MS;
        this.show();
      }
    } finally {
      this.sending = false;
      this.show();
    }
  }

  /** Send one entry; false if it has to be sent again. */
  async deliver(key, entry) {
    const name = entry.body.client_id;
    const path = entry.path.replace("{id}", () => this.ids()[entry.after] ?? 0);
    try {
      const answer = await request("POST", path, { body: entry.body, quiet: true });
      this.learn(name, answer?.id);
      this.drop(key);
      this.waiting.get(name)?.resolve(answer);
      this.dispatchEvent(new CustomEvent("stored", { detail: { body: entry.body, answer } }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!FINAL.has(error.status)) {
        this.failing = error.status === 401 || error.status === 403 ? "signed out" : error.message;
        return false;
      }
      this.write(this.refused + key.slice(this.prefix.length), { ...entry, reason: error.message });
      this.drop(key);
      this.waiting.get(name)?.reject(error);
      showProblem(`Not stored: ${error.message}`);
    }
    this.waiting.delete(name);
    return true;
  }

  ids() {
    try { return JSON.parse(this.stored.getItem(this.known)) ?? {}; } catch { return {}; }
  }

  /** Entries that come `after` this one need its id. */
  learn(name, id) {
    const ids = Object.entries({ ...this.ids(), [name]: id }).slice(-IDS_KEPT);
    try { this.stored.setItem(this.known, JSON.stringify(Object.fromEntries(ids))); } catch { /* they are refused, then */ }
  }

  show() {
    const place = document.getElementById("outbox-state");
    const n = this.keys().length;
    const state = n === 0 ? "saved" : this.failing ? "stuck" : "waiting";
    const why = this.failing === "signed out" ? "sign in again in another tab" : "kept here, sent again";
    const text = n === 0 ? "saved" : this.failing ? `waiting ${n} (${why})` : `waiting ${n}`;
    if (place && place.textContent !== text) {
      place.dataset.state = state;
      place.textContent = text;
    }
    this.dispatchEvent(new Event("change"));
  }
}

export const outbox = new Outbox();
