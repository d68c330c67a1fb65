// One colour a run: the same in all charts, and for as long as the page is open.

const NUM_COLOURS = 10;
const slots = new Map(); // run key -> its place in the palette

/** The colour of a place in the palette, as the theme has it now (`--line-0` and on in charts.css). */
export function colour(i) {
  return token(`--line-${i % NUM_COLOURS}`);
}

/** The same colour for style sheets: it follows the theme by itself. */
export function colourToken(i) {
  return `var(--line-${i % NUM_COLOURS})`;
}

/** A custom property of the theme, such as `--text`. */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Gives each of these runs a place that no other of them has; a run keeps the one it has where it can. */
export function assign(keys) {
  const taken = new Set();
  for (const key of keys) {
    let slot = slots.get(key) ?? 0;
    if (taken.has(slot)) for (slot = 0; taken.has(slot);) slot++;
    slots.set(key, slot);
    taken.add(slot);
  }
}

/** A run's place in the palette, once it has one. */
export function slotOf(key) {
  return slots.get(key);
}
