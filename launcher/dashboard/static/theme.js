// Light or dark. It runs before the first paint (blocking="render" in index.html).

export const THEMES = ["system", "light", "dark"];
const STORED = "windlass.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** What was chosen: "system", "light" or "dark". */
export function theme() {
  const stored = localStorage.getItem(STORED);
  return THEMES.includes(stored) ? stored : "system";
}

/** Changes it for this and later visits. The document gets an event `theme`: what is drawn by hand draws anew. */
export function setTheme(choice) {
  localStorage.setItem(STORED, choice);
  apply();
}

function apply() {
  const chosen = theme();
  document.documentElement.dataset.theme = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
  document.dispatchEvent(new CustomEvent("theme"));
}

dark.addEventListener("change", apply);
apply();
