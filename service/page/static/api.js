// What this page asks of the service. Addresses are relative, so that it works below any path of a proxy.

export class Problem extends Error {
  constructor(document, retryAfter = 0) {
    super(document.detail || document.title || "");
    Object.assign(this, document);
    this.retryAfter = retryAfter;
  }
}

export async function getJson(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : null;
}

/** Send the files and hand each page to `onPage` when it comes; return { timings_ms, model }. */
export async function read(files, { key, password, previews, byPage, signal, onPage }) {
  const fields = { words: "true", password, preview: previews ? "true" : "" };
  const accept = byPage ? "application/x-ndjson" : "application/json";
  const response = await post(files, fields, { key, accept, signal });
  if (!byPage) {
    const { pages, ...end } = await response.json();
    pages.forEach(onPage);
    return end;
  }
  let end;
  for await (const item of jsonLines(response.body)) {
    if (item.done) end = item;
    else onPage(item);
  }
  if (!end) throw new Problem({ code: "broken_off" });
  return { timings_ms: end.timings_ms, model: end.model };
}

/** Let the service write the files in a format; return the blob. */
export async function convert(files, format, { key, password, signal }) {
  const response = await post(files, { format, password }, { key, accept: "*/*", signal });
  return response.blob();
}

async function post(files, fields, { key, accept, signal }) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) body.append(name, value);
  for (const file of files) body.append("file", file, file.name || "picture");
  const headers = { Accept: accept };
  if (/[^ -\xff]/.test(key)) throw new Problem({ code: "unauthorized" });
  if (key) headers["X-API-Key"] = key;
  const response = await reached(fetch("v1/ocr", { method: "POST", body, headers, signal }));
  if (response.ok) return response;
  const document = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After")) || 0;
  throw new Problem({ status: response.status, code: "unknown", ...document }, wait);
}

async function* jsonLines(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reached(reader.read(), "broken_off");
    if (done) break;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
  }
}

/** Give what a network promise gives; its failure as a problem, unless it was cancelled. */
async function reached(promise, code = "unreachable") {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: navigator.onLine ? code : "offline" });
  }
}
