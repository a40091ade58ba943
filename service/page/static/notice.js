// What went wrong, above the text.

import { askForKey } from "./ask.js";

const box = document.querySelector("#notice");
const LABELS = { key: "Enter a key", password: "Enter the password", again: "Try again" };

export const clearNotice = () => box.replaceChildren();

export function notice({ title, text, action, retry, detail, id, pages = [] }) {
  const parts = [element("h2", title), element("p", text), ...pages.map((page) => element("p", page, "soft"))];
  if (action) {
    const button = element("button", LABELS[action], "primary small");
    button.type = "button";
    button.addEventListener("click", async () => {
      if (action !== "key" || (await askForKey("This service asks for one."))) retry();
    });
    parts.push(button);
  }
  if (detail) parts.push(element("p", id ? `${detail} (request ${id})` : detail, "detail"));
  box.replaceChildren(...parts);
}

function element(name, text, kind = "") {
  return Object.assign(document.createElement(name), { textContent: text, className: kind });
}
