// What every page has: the outbox that empties itself, and the button to sign out.

import { post } from "./api.js";
import "./outbox.js";

document.getElementById("sign-out")?.addEventListener("click", async () => {
  await post("/logout");
  location.assign("/login");
});
