// Files that a person chose: what they are, and how they look before the service has seen them.

/** Return { file, kind, url, width, height }; of what the browser cannot draw, `url` is missing. */
export async function look(file) {
  const kind = await kindOf(file);
  if (kind !== "image") return { file, kind };
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    return { file, kind, url, width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    URL.revokeObjectURL(url);
    return { file, kind };
  }
}

async function kindOf(file) {
  const head = await file.slice(0, 1024).text();
  if (head.includes("%PDF-")) return "pdf";
  return /^(II[*+]\0|MM\0[*+])/.test(head) ? "tiff" : "image";
}

/** Return the address of a picture that came as base64. */
export function pictureUrl(base64, type = "image/jpeg") {
  const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([data], { type }));
}

/** Let the browser save a blob. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Copy text; the second way is for pages without TLS, which have no clipboard. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}
