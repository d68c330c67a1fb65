// Texts in English and Chinese. The English text is the key.

const LANGUAGES = ["en", "zh"];
const STORED = "windlass.language";

let current = null;
let words = {};

/** "en" or "zh": what the address says, else what was chosen before, else what the browser prefers. */
export function language() {
  return current;
}

/** Changes the language for this and later visits; what is on screen already has to be drawn anew. */
export async function setLanguage(code) {
  words = code === "zh" ? await chinese() : {};
  current = code;
  localStorage.setItem(STORED, code);
  document.documentElement.lang = code === "zh" ? "zh-CN" : "en";
}

/** A text in the current language; `{name}` in it stands for a value. */
export function t(text, values = {}) {
  return (Object.hasOwn(words, text) ? words[text] : text).replace(/\{(\w+)\}/g, (found, name) => values[name] ?? found);
}

async function chinese() {
  const files = await Promise.all([import("./zh.js"), import("./zh_charts.js"), import("./zh_sweeps.js")]);
  return Object.assign({}, ...files.map((file) => file.default));
}

function preferred() {
  const asked = [new URL(location.href).searchParams.get("lang"), localStorage.getItem(STORED)];
  return asked.find((code) => LANGUAGES.includes(code)) ?? (navigator.language.startsWith("zh") ? "zh" : "en");
}

await setLanguage(preferred());
