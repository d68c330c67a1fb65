// Names that fit what is typed, in a list under a text box.

import { h, replace } from "./dom.js";

const LISTED = 8;
const NAME = /(?:^|[\s(])([\w.:/-]+)$/;

/**
 * Offers names in `input`: arrows choose one, Tab or Enter takes it, Escape closes the list. `names()` gives all;
 * `taken()` is called after one was taken. Returns the element of the list, to stand behind the box.
 */
export function suggest(input, names, taken) {
  const list = h("ul", { class: "suggestions", id: `${input.id}-names`, role: "listbox", hidden: true });
  let chosen = -1;

  const choose = (place) => {
    chosen = place;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === place)));
    if (place < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[place].id);
  };
  const show = (found) => {
    replace(
      list,
      found.map((name, i) => h("li", { id: `${list.id}-${i}`, role: "option", title: name }, name)),
    );
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose(-1);
  };
  const take = (name) => {
    const before = input.value.slice(0, input.selectionStart);
    const start = before.length - begun(before).length;
    input.setRangeText(name, start, before.length, "end");
    show([]);
    taken();
  };
  const press = (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose((chosen + step + list.children.length) % list.children.length);
    else if (event.key === "Escape") show([]);
    else if (event.key === "Tab" || (event.key === "Enter" && chosen >= 0))
      take(list.children[Math.max(chosen, 0)].textContent);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };

  for (const [name, value] of [
    ["role", "combobox"],
    ["aria-autocomplete", "list"],
    ["aria-controls", list.id],
  ]) {
    input.setAttribute(name, value);
  }
  input.setAttribute("aria-expanded", "false");
  input.addEventListener("input", () => show(fitting(begun(input.value.slice(0, input.selectionStart)), names())));
  input.addEventListener("keydown", press, { capture: true });
  input.addEventListener("blur", () => show([]));
  list.addEventListener("mousedown", (event) => {
    event.preventDefault(); // the box keeps the focus
    const option = event.target.closest("li");
    if (option) take(option.textContent);
  });
  return list;
}

/** The name that one is typing at the end of a text, or "". */
function begun(text) {
  return NAME.exec(text)?.[1] ?? "";
}

/** The best names: those that begin so, then those of which a part does, then those that hold it. */
function fitting(typed, names) {
  if (!typed) return [];
  const wanted = typed.toLowerCase();
  const ranks = [[], [], []];
  for (const name of names) {
    const at = name.toLowerCase().indexOf(wanted);
    if (at >= 0 && name !== typed) ranks[at === 0 ? 0 : "./:_".includes(name[at - 1]) ? 1 : 2].push(name);
  }
  return ranks.flat().slice(0, LISTED);
}
