// Light or dark: as the system says, until somebody chooses; runs before the page is drawn.
(() => {
  const KEY = "oddqso-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const apply = () => {
    document.documentElement.dataset.theme = chosen() ?? (system.matches ? "dark" : "light");
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  const toggle = () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem(KEY, next); } catch { /* not kept, then */ }
    document.documentElement.dataset.theme = next;
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => { if (event.key === KEY) apply(); });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("#theme-switch")) toggle();
  });
  document.addEventListener("toggletheme", toggle);
})();
