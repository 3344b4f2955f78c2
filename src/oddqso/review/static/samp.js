// Tables and spectra to other programs on this machine.

import { post } from "./api.js";

/** Send something by SAMP, and `tell` what became of it; a problem is shown where all are. */
export async function broadcast(wanted, tell) {
  try {
    const { receivers } = await post("/samp", wanted);
    tell(receivers.length ? `Sent to ${receivers.join(", ")}.` : "Sent, but no program on this machine takes it.");
  } catch { /* shown */ }
}
