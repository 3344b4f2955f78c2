// The programming interface from a page: JSON in and out, the CSRF token added, problems shown.

const BASE = "/api/v1";
const PATIENCE_MS = 30_000;

/** An answer other than 2xx; `status` is 0 where there was no answer at all. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The content of a `<meta name=...>` of the page. */
export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** Tell it to people who listen rather than look. */
export function say(text) {
  const place = document.getElementById("say");
  if (place) place.textContent = text;
}

/** Show a problem on top of the page until it is clicked away or mended; "" takes it away. */
export function showProblem(text) {
  const place = document.getElementById("problem");
  if (!place) return;
  place.replaceChildren();
  if (!text) return;
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  close.addEventListener("click", () => showProblem(""));
  place.append(Object.assign(document.createElement("span"), { textContent: text }), close);
}

/**
 * Ask; gives what the answer's JSON holds, null where it holds nothing.
 * `quiet` leaves the showing of problems to the caller. Throws `Problem`.
 */
export async function request(method, path, { body, quiet = false, signal } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = meta("csrf");
  if (body !== undefined) headers["content-type"] = "application/json";
  const limit = AbortSignal.timeout(PATIENCE_MS);
  let problem;
  try {
    const answer = await fetch(path.startsWith("/api/") ? path : BASE + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit, credentials: "same-origin", redirect: "error",
    });
    const text = await answer.text();
    if (answer.ok) return text ? JSON.parse(text) : null;
    problem = new Problem(answer.status, detailOf(text) ?? `${answer.status} ${answer.statusText}`);
  } catch (error) {
    if (signal?.aborted) throw error;
    problem = new Problem(0, "the server does not answer");
  }
  if (!quiet) showProblem(problem.status === 401 ? "You are signed out. Sign in again in another tab." : problem.message);
  throw problem;
}

export const get = (path, options) => request("GET", path, options);
export const post = (path, body, options) => request("POST", path, { ...options, body });
export const patch = (path, body, options) => request("PATCH", path, { ...options, body });
export const put = (path, body, options) => request("PUT", path, { ...options, body });
export const remove = (path, options) => request("DELETE", path, options);

function detailOf(text) {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : null;
  } catch {
    return null;
  }
}
