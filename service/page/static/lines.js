// The lines of a page as text: one list in reading order, in which the arrow keys go up and down.

import { rowsOf } from "./geometry.js";

const DOUBT = 0.8; // words below this confidence are marked

/** Return the parts of a line as { text, doubt, polygon }, white space between them included. */
export function parts({ text, confidence, polygon, words }) {
  const pieces = text.split(/(\s+)/);
  const named = pieces.filter((piece) => piece.trim());
  if (!words?.length || named.length !== words.length) return [{ text, polygon, doubt: confidence < DOUBT }];
  let next = 0;
  return pieces.map((piece) => {
    if (!piece.trim()) return { text: piece };
    const word = words[next++];
    return { text: piece, polygon: word.polygon, doubt: word.confidence < DOUBT };
  });
}

/** Show lines in `list`; `onPoint(index)` is told what is pointed at or focused, `onOpen(index)` what is chosen. */
export function lineList(list, { onPoint, onOpen, onLeave }) {
  let items = [];

  const indexOf = (event) => items.indexOf(event.target.closest?.("[role=option]"));
  list.addEventListener("pointerover", (event) => indexOf(event) >= 0 && onPoint(indexOf(event)));
  list.addEventListener("pointerleave", () => onLeave());
  list.addEventListener("focusin", (event) => {
    const index = indexOf(event);
    if (index < 0) return;
    for (const item of items) item.tabIndex = item === items[index] ? 0 : -1;
    onPoint(index, true);
  });
  list.addEventListener("focusout", () => onLeave());
  list.addEventListener("dblclick", (event) => indexOf(event) >= 0 && onOpen(indexOf(event)));
  list.addEventListener("keydown", (event) => {
    const index = indexOf(event);
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: items.length - 1 }[event.key];
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (to !== undefined) items[Math.max(0, Math.min(items.length - 1, to))].focus();
    else if (event.key === "Enter" || event.key === " ") onOpen(index);
    else return;
    event.preventDefault();
  });

  return {
    show(page) {
      const rows = rowsOf(page).map((lines) => {
        const row = document.createElement("div");
        row.setAttribute("role", "none");
        row.append(...lines.map(item));
        return row;
      });
      items = rows.flatMap((row) => [...row.children]);
      if (items.length) items[0].tabIndex = 0;
      list.replaceChildren(...rows);
      list.hidden = !items.length;
    },
    focused: () => items.indexOf(document.activeElement),
    light(index, scroll) {
      items.forEach((item, i) => {
        item.classList.toggle("lit", i === index);
        item.setAttribute("aria-selected", i === index);
      });
      if (scroll) items[index]?.scrollIntoView({ block: "nearest" });
    },
    focus(index) {
      items[index]?.focus();
    },
  };
}

function item(line) {
  const element = document.createElement("div");
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", "false");
  element.tabIndex = -1;
  element.dir = "auto";
  const doubtful = [];
  for (const part of parts(line)) {
    if (part.doubt) {
      const mark = document.createElement("mark");
      mark.textContent = part.text;
      doubtful.push(part.text);
      element.append(mark);
    } else element.append(part.text);
  }
  element.title = `${Math.round(line.confidence * 100)} % sure`;
  // Marks are not told apart by every screen reader, so the name of the line says it.
  if (doubtful.length) element.setAttribute("aria-label", `${line.text} (unsure: ${doubtful.join(", ")})`);
  return element;
}
