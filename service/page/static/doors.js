// The ways in which files come: chosen, photographed, dropped, pasted, or the example.

const $ = (selector) => document.querySelector(selector);
const on = (selector, act) => $(selector).addEventListener("click", act);

export function doors(begin) {
  for (const input of [$("#file"), $("#camera")]) {
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = "";
      begin(files);
    });
  }
  on("#choose", () => $("#file").click());
  on("#another", () => $("#file").click());
  on("#photograph", () => $("#camera").click());
  on("#example", async () => {
    const response = await fetch("page/receipt.jpg");
    begin([new File([await response.blob()], "receipt.jpg", { type: "image/jpeg" })]);
  });

  let inside = 0; // elements below the pointer that a file is dragged over
  const dragged = (act) => (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    act(event);
    document.body.classList.toggle("dragging", inside > 0);
  };
  document.addEventListener("dragenter", dragged(() => (inside += 1)));
  document.addEventListener("dragleave", dragged(() => (inside -= 1)));
  document.addEventListener("dragover", dragged(() => {}));
  document.addEventListener("drop", dragged((event) => (inside = 0, begin(event.dataTransfer.files))));

  if (/Mac|iPhone|iPad/.test(navigator.platform)) $("#paste-keys").textContent = "⌘ V";
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (files.length && !$("#ask").open) begin(files);
  });
}
