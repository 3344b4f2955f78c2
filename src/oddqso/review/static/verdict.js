// The verdict on an object: a draft until a class is given, then saved at every change.

import { meta, say } from "./api.js";
import { outbox } from "./outbox.js";

const FIELDS = ["subtype", "interest", "confidence", "z", "comment", "tags", "flagged"];
const EMPTY = { verdict: null, subtype: null, interest: null, confidence: null, z: null, comment: "", tags: [], flagged: false };

const session = {
  read(key, other) { try { return JSON.parse(sessionStorage.getItem(key)) ?? other; } catch { return other; } },
  write(key, value) { try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* kept in memory alone */ } },
};

/** One's own verdicts: what holds, what is still a draft, what can be undone. */
export class Verdicts extends EventTarget {
  constructor(queue) {
    super();
    this.queue = queue;
    this.owner = `${meta("run")}:${meta("reviewer")}`;
    this.current = { ...EMPTY };
    this.id = null;
    this.begun = 0;
    this.held = new Map(); // target_id -> what this page gave, before the server tells it again
    this.given = session.read(`oddqso-given:${this.owner}`, []);
    outbox.addEventListener("stored", ({ detail }) => { if (detail.body.target_id) this.stored(detail.answer); });
  }

  /** Begin with an object: its verdict, as the server tells it or as it still waits here. */
  open(id, mine) {
    this.id = id;
    this.begun = performance.now();
    const waiting = outbox.pending().filter((entry) => entry.body.target_id === id && entry.path === "/verdicts").at(-1);
    const verdict = waiting?.body ?? (this.held.has(id) ? this.held.get(id) : mine);
    this.current = { ...EMPTY, ...(verdict ? pick(verdict, ["verdict", ...FIELDS]) : this.draft(id)) };
    this.changed();
  }

  /** What this page gave to an object is told by the server from now on. */
  letGo(id) {
    this.held.delete(id);
  }

  /** Change the draft; if a class was given, what holds is changed and saved. */
  change(part) {
    if (Object.entries(part).every(([name, value]) => JSON.stringify(this.current[name]) === JSON.stringify(value))) return;
    this.current = { ...this.current, ...part };
    if (this.current.verdict) this.save();
    else this.keepDraft();
    this.changed();
  }

  /** Give a class, with the draft. */
  give(verdict, subtype = null) {
    this.current = { ...this.current, verdict, subtype };
    this.save();
    this.changed();
  }

  save() {
    const { id } = this, content = pick(this.current, ["verdict", ...FIELDS]);
    const seconds = Math.round((performance.now() - this.begun) / 100) / 10;
    const sent = outbox.send("/verdicts", { target_id: id, ...content, queue: this.queue, seconds });
    this.held.set(id, content);
    this.remember({ client_id: sent.client_id, target_id: id });
    this.forgetDraft(id);
    sent.answer.catch(() => this.refused(sent.client_id, id));
    return sent;
  }

  /** Take back the last verdict given here, or, if there is none, the one that holds. Gives its object, or null. */
  undo(mine) {
    const last = this.given.pop();
    session.write(`oddqso-given:${this.owner}`, this.given);
    const entry = last ?? (mine ? { id: mine.id, target_id: this.id } : null);
    if (!entry) { say("nothing to undo"); return null; }
    this.held.set(entry.target_id, null); // until the server tells what holds now
    const path = entry.id ? `/verdicts/${entry.id}/undo` : "/verdicts/{id}/undo";
    const { answer } = outbox.send(path, {}, { after: entry.id ? null : entry.client_id });
    return { target_id: entry.target_id, answer };
  }

  remember(entry) {
    this.given = [...this.given, entry].slice(-200);
    session.write(`oddqso-given:${this.owner}`, this.given);
  }

  stored(stored) {
    const entry = this.given.find((one) => one.client_id === stored.client_id);
    if (entry) entry.id = stored.id;
    session.write(`oddqso-given:${this.owner}`, this.given);
    this.dispatchEvent(new CustomEvent("stored", { detail: stored }));
  }

  refused(name, id) {
    this.given = this.given.filter((one) => one.client_id !== name);
    this.held.delete(id);
  }

  draft(id) {
    try { return JSON.parse(localStorage.getItem(`oddqso-draft:${this.owner}:${id}`)) ?? {}; } catch { return {}; }
  }

  keepDraft() {
    try { localStorage.setItem(`oddqso-draft:${this.owner}:${this.id}`, JSON.stringify(pick(this.current, FIELDS))); } catch { /* kept on the page */ }
  }

  forgetDraft(id) {
    try { localStorage.removeItem(`oddqso-draft:${this.owner}:${id}`); } catch { /* there was none */ }
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const pick = (from, names) => Object.fromEntries(names.map((name) => [name, from[name] ?? EMPTY[name]]));
