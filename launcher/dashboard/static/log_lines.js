// Lines of a log as elements: pieces of text with classes for their colours, and marks where a search matches.

import { h } from "./dom.js";

/** A line from its pieces, [[classes, text], ...]; what matches `wanted` is marked, capitals or not. */
export function logLine(pieces, wanted = "") {
  const text = pieces.map(([, part]) => part).join("");
  const marks = wanted ? matches(text.toLowerCase(), wanted.toLowerCase()) : [];
  const line = h("div", { class: "log-line" });
  let place = 0;
  for (const [classes, part] of pieces) {
    for (const [from, to, isMatch] of cut(place, place + part.length, marks)) {
      const shown = text.slice(from, to);
      line.append(
        isMatch ? h("mark", { class: classes }, shown) : classes ? h("span", { class: classes }, shown) : shown,
      );
    }
    place += part.length;
  }
  return line;
}

function matches(text, wanted) {
  const found = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    found.push([at, at + wanted.length]);
  }
  return found;
}

/** The parts of a piece, [from, to, whether it matches]; a match may reach over several pieces. */
function* cut(from, to, marks) {
  let place = from;
  for (const [first, last] of marks) {
    if (last <= place || first >= to) continue;
    if (first > place) yield [place, first, false];
    yield [Math.max(first, place), Math.min(last, to), true];
    place = Math.min(last, to);
  }
  if (place < to) yield [place, to, false];
}
