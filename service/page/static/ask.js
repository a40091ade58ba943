// A dialog that asks for one secret: an API key, or the password of a PDF.

const dialog = document.querySelector("#ask");
const value = document.querySelector("#ask-value");
const form = dialog.querySelector("form");

const KEY = "ocr-key"; // in the storage of this tab: gone when it is closed

export const key = () => sessionStorage.getItem(KEY) ?? "";
export const askForPassword = (text) => ask({ title: "The PDF is locked", text, label: "Password" });

/** Ask for an API key and keep it; return whether there is a new one. */
export async function askForKey(text) {
  const given = await ask({ title: "API key", text: `${text} It is kept in this tab alone.`, label: "Key" });
  if (given) sessionStorage.setItem(KEY, given);
  return Boolean(given);
}

/** Ask; return what was typed, or "" if the person would rather not. */
function ask({ title, text, label }) {
  document.querySelector("#ask-title").textContent = title;
  document.querySelector("#ask-text").textContent = text;
  document.querySelector("#ask-label").textContent = label;
  value.value = "";
  dialog.showModal();
  value.focus();
  return new Promise((resolve) => {
    const submitted = (event) => {
      event.preventDefault();
      dialog.close(value.value);
    };
    form.addEventListener("submit", submitted);
    dialog.addEventListener(
      "close",
      () => {
        form.removeEventListener("submit", submitted);
        const answer = dialog.returnValue;
        dialog.returnValue = value.value = "";
        resolve(answer.trim());
      },
      { once: true },
    );
  });
}

document.querySelector("#ask-not").addEventListener("click", () => dialog.close(""));
// Escape would leave the value of the time before.
dialog.addEventListener("cancel", () => (dialog.returnValue = ""));
