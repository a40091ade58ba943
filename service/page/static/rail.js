// The pages of a document as small pictures, in the order in which they arrive.

export function pageRail(nav, list, { onChoose }) {
  const buttons = [];

  function add(page, label) {
    const button = document.createElement("button");
    const index = buttons.push(button) - 1;
    button.type = "button";
    const shape = document.createElement("span");
    shape.style.aspectRatio = `${page.width ?? 1} / ${page.height ?? 1.4}`;
    if (page.url) {
      const picture = document.createElement("img");
      Object.assign(picture, { alt: "", src: page.url, loading: "lazy", decoding: "async" });
      shape.append(picture);
    }
    const number = document.createElement("b");
    number.textContent = label;
    button.append(shape, number);
    button.setAttribute("aria-label", `Page ${label}${page.error ? ", not read" : ""}`);
    button.addEventListener("click", () => onChoose(index));
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
    nav.hidden = buttons.length < 2;
  }

  return {
    add,
    clear() {
      buttons.length = 0;
      list.replaceChildren();
      nav.hidden = true;
    },
    mark(index) {
      buttons.forEach((button, i) => {
        if (i === index) button.setAttribute("aria-current", "page");
        else button.removeAttribute("aria-current");
      });
      buttons[index]?.scrollIntoView({ block: "nearest", inline: "nearest" });
    },
  };
}
