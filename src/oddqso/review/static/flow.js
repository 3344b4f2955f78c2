// From object to object without loading a page: what comes next is fetched before it is asked for.

import { get } from "./api.js";

const AHEAD = 5;
const KEPT = 60;

/** The objects of a queue, and the way that was gone through them. */
export class Flow {
  /** `ready` is done with each spectrum that was fetched ahead. */
  constructor(queue, ready = () => {}) {
    this.ready = ready;
    this.queue = queue;
    this.objects = new Map();
    this.spectra = new Map();
    this.following = new Map(); // after -> ids
    this.forgotten = new Map(); // id -> how often
  }

  /** Facts and spectrum of an object, kept; what was forgotten while it was on its way is asked for again. */
  async load(id) {
    const before = this.forgotten.get(id);
    const [object, spectrum] = await Promise.all([
      this.keep(this.objects, id, () => get(`/objects/${id}`, { quiet: true })),
      this.keep(this.spectra, id, () => get(`/objects/${id}/spectrum`, { quiet: true })),
    ]);
    return this.forgotten.get(id) === before ? { object, spectrum } : this.load(id);
  }

  keep(map, id, make) {
    if (!map.has(id)) {
      const made = make();
      map.set(id, made);
      made.catch(() => map.delete(id));
      if (map.size > KEPT) map.delete(map.keys().next().value);
    }
    return map.get(id);
  }

  /** What is known of an object is no longer true. */
  forget(id, spectrumToo = false) {
    this.forgotten.set(id, (this.forgotten.get(id) ?? 0) + 1);
    this.objects.delete(id);
    if (spectrumToo) this.spectra.delete(id);
  }

  /** The TARGETIDs that come after one, from the server or as foreseen. */
  async after(id) {
    if (!this.following.has(id)) {
      const asked = get(`/next?queue=${encodeURIComponent(this.queue)}&after=${id}&n=${AHEAD}`, { quiet: true })
        .then(({ items }) => items);
      this.following.set(id, asked);
      asked.catch(() => this.following.delete(id));
    }
    return this.following.get(id);
  }

  /** The next object, or null at the end. */
  async next(id) {
    const [next] = await this.after(id);
    return next ?? null;
  }

  /** Fetch what will be wanted: the next objects, and what follows each of them. */
  async prefetch(id) {
    try {
      const ids = await this.after(id);
      ids.slice(0, -1).forEach((one, i) => {
        if (!this.following.has(one)) this.following.set(one, Promise.resolve(ids.slice(i + 1)));
      });
      for (const one of ids) this.ready((await this.load(one)).spectrum);
    } catch { /* asked again when it is wanted */ }
  }

  /** Places in the queue are asked anew, as after verdicts when few are left. */
  renew(id) {
    this.following.delete(id);
  }
}
