// Brushes: for some dimensions a range [low, high] that a trial must lie in. They live in the page's address.

/** Brushes by dimension name from texts `name:low..high`; an end that is left out is open. What names no axis is passed over. */
export function readBrushes(texts, axes) {
  const brushes = new Map();
  const names = new Set(axes.map(({ name }) => name));
  for (const text of texts) {
    const [, name, low, high] = /^(.+):([^:]*)\.\.([^:]*)$/.exec(text) ?? [];
    const range = [low === "" ? -Infinity : Number(low), high === "" ? Infinity : Number(high)];
    if (names.has(name) && !range.some(Number.isNaN)) brushes.set(name, range);
  }
  return brushes;
}

/** The texts that `readBrushes` reads. */
export function writeBrushes(brushes) {
  const written = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(5))) : "");
  return [...brushes].map(([name, [low, high]]) => `${name}:${written(low)}..${written(high)}`);
}

/** Whether a trial lies in all brushes. One without a value on a brushed axis does not. */
export function passes(trial, brushes, axes) {
  return axes.every(({ name, of }) => {
    const range = brushes.get(name);
    if (range === undefined) return true;
    const value = of(trial);
    return value !== null && value >= range[0] && value <= range[1];
  });
}
