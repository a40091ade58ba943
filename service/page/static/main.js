// The page: what a person does, what is asked of the service, and what is shown of its answer.

import { convert, getJson, Problem, read } from "./api.js";
import { askForKey, askForPassword, key } from "./ask.js";
import { doors } from "./doors.js";
import { explain } from "./errors.js";
import { count, showFacts } from "./facts.js";
import { copy, look, pictureUrl, save } from "./files.js";
import { rowsOf } from "./geometry.js";
import { lineList } from "./lines.js";
import { clearNotice, notice } from "./notice.js";
import { pageRail } from "./rail.js";
import { pageStage } from "./stage.js";

const $ = (selector) => document.querySelector(selector);
const PASSWORDS = { __proto__: null, password_required: "It is encrypted, and opens with a password.", wrong_password: "That password does not open it." };
const TRIES = 5;

let about = {};
let work = null; // { sources, pages, end, shown, password, controller }

const stage = pageStage($("#stage"), {
  onPoint: (index) => point(index, "stage"),
  onLeave: () => point(-1),
  onPick: (index) => lines.focus(index),
  onZoom: (k) => ($("#percent").textContent = `${Math.round(k * 100)} %`),
});
const lines = lineList($("#lines"), {
  onPoint: (index, focused) => point(index, "lines", focused),
  onLeave: () => point(-1),
  onOpen: (index) => stage.reveal(index, true),
});
const rail = pageRail($("#rail"), $("#pages"), { onChoose: (index) => show(index) });

/** Light a line and its box; the other side of the two is scrolled to it. */
function point(index, from, focused = false) {
  const focus = index < 0 ? lines.focused() : index;
  stage.light(focus);
  lines.light(focus, from === "stage");
  if (focused) stage.reveal(focus);
}

// Reading.

async function begin(files) {
  files = [...files];
  if (!files.length) return;
  stop();
  forget();
  const controller = new AbortController();
  const mine = (work = { sources: files.map((file) => ({ file })), pages: [], shown: -1, password: "", controller });
  screen("reading");
  $("#name").textContent = files.length > 1 ? count(files.length, "file") : files[0].name || "Picture";
  mine.sources = await Promise.all(files.map(look));
  if (work !== mine) return;
  const { url, width = 1240, height = 1754 } = mine.sources[0];
  stage.show({ url, width, height });
  await run(mine);
}

/** Read the files of `mine`, as often as a person or a busy service makes it necessary. */
async function run(mine) {
  const { signal } = mine.controller;
  screen("reading");
  clearNotice();
  try {
    const size = mine.sources.reduce((sum, source) => sum + source.file.size, 0);
    if (about.max_bytes && size > about.max_bytes) throw new Problem({ code: "payload_too_large", size });
    if (mine.sources.length > about.max_files) throw new Problem({ code: "too_many_images" });
    mine.end = await insist(mine, () => attempt(mine, signal));
    if (work !== mine) return;
    screen("read");
    showFacts(mine.end, mine.pages);
    say(`Read: ${$("#took").textContent}.`);
  } catch (error) {
    if (work !== mine) return;
    screen(mine.pages.length ? "read" : "failed");
    fail(error.name === "AbortError" ? new Problem({ code: "cancelled" }) : error, () => restart(mine));
  }
}

function attempt(mine, signal) {
  const drawn = mine.sources.some((source) => source.kind !== "image"); // those the browser cannot draw
  const files = mine.sources.map((source) => source.file);
  let file = -1;
  mine.pages = [];
  mine.shown = -1;
  rail.clear();
  say("Reading");
  $("#working").textContent = "Reading…";
  return read(files, {
    key: key(),
    password: mine.password,
    byPage: drawn || files.length > 1,
    previews: drawn,
    signal,
    onPage(page) {
      if (page.page === 1) file += 1; // files come one after the other, each from its first page on
      arrive(mine, { ...page, source: mine.sources[file] });
    },
  });
}

function arrive(mine, page) {
  if (work !== mine) return;
  const { preview, source, ...rest } = page;
  const url = source.url ?? (preview && pictureUrl(preview));
  const { width, height } = source.width && !rest.width ? source : rest;
  mine.pages.push({ ...rest, width, height, url, answer: { ...rest } });
  rail.add(mine.pages.at(-1), mine.sources.length > 1 ? `${mine.pages.length}: ${rest.file}` : `${rest.page}`);
  if (mine.shown < 0) show(0);
  else heading();
  $("#working").textContent = `${count(mine.pages.length, "page")} so far…`;
}

/** Do `task` until it is done: ask for what is missing, wait where the service says how long. */
async function insist(mine, task) {
  for (let tries = 0; ; tries += 1) {
    try {
      if (about.needs_key && !key()) throw new Problem({ code: "unauthorized", status: 401 });
      return await task();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (await supply(mine, error.code)) continue;
      if (!error.retryAfter || error.retryAfter > 120 || tries >= TRIES) throw error;
      await countDown(error, mine.controller.signal);
    }
  }
}

/** Ask for what the service wants to have; return whether it was given. */
async function supply(mine, code) {
  if (code === "unauthorized") return askForKey(key() ? "This service does not know that key." : "This service asks for one.");
  const password = PASSWORDS[code] && (await askForPassword(PASSWORDS[code]));
  if (password) mine.password = password;
  return Boolean(password);
}

async function countDown(problem, signal) {
  const { title } = explain(problem, about);
  say(`${title}. Trying again in ${count(problem.retryAfter, "second")}.`);
  for (let left = problem.retryAfter; left > 0; left -= 1) {
    $("#working").textContent = `${title}. Again in ${left} s…`;
    await new Promise((resolve, reject) => {
      const end = () => reject(new DOMException("cancelled", "AbortError"));
      if (signal.aborted) return end();
      signal.addEventListener("abort", end, { once: true });
      setTimeout(resolve, 1000);
    });
  }
}

function restart(mine) {
  mine.controller = new AbortController();
  return run(mine);
}

function stop() {
  work?.controller.abort();
}

function forget() {
  const urls = [...(work?.sources ?? []), ...(work?.pages ?? [])].map((each) => each.url);
  new Set(urls).forEach((url) => url && URL.revokeObjectURL(url));
  work = null;
  rail.clear();
  lines.show({});
  clearNotice();
  $("#facts").hidden = true;
  $("#hint").hidden = true;
}

// Showing.

function screen(state) {
  document.body.dataset.state = state;
  $(".panes").classList.toggle("bare", state === "failed" && !work.sources[0].url);
  $("#welcome").hidden = state !== "empty";
  $("#work").hidden = state === "empty";
  $("#progress").hidden = state !== "reading";
  $("#waiting").hidden = !(state === "reading" && !work?.pages.length);
  $("#copy").disabled = state !== "read";
  $("#download").hidden = state !== "read";
  $("#copy").hidden = state === "failed" || state === "reading";
  // What had the focus may be gone now; whoever goes by keys goes on from the name of what is read.
  if (state !== "empty" && !document.activeElement?.checkVisibility?.()) $("#name").focus();
  document.title = state === "empty" ? "Read the text in a picture" : `${$("#name").textContent} – OCR`;
}

function show(index) {
  const page = work.pages[index];
  if (!page) return;
  work.shown = index;
  $("#waiting").hidden = true;
  clearNotice();
  heading();
  stage.show(page.error ? { ...page, width: page.width ?? 1240, height: page.height ?? 1754, lines: [] } : page);
  lines.show(page);
  rail.mark(index);
  $("#hint").hidden = !$("#lines mark");
  if (page.error) fail(page.error, async () => (!PASSWORDS[page.error.code] || (await supply(work, page.error.code))) && restart(work));
  else if (!page.lines.length) notice({ title: "No text was found", text: "Is it sharp, and large enough?" });
}

function heading() {
  const { pages, shown } = work;
  $("#heading").hidden = pages.length < 2 && !pages[0]?.lines?.length;
  $("#heading").textContent = pages.length > 1 ? `Page ${shown + 1} of ${pages.length}` : "Text";
}

function fail(problem, retry) {
  if (!problem.code) console.error(problem);
  const pages = problem.pages?.map((page) => `${page.file}: ${explain(page.error, about).title.toLowerCase()}`);
  $("#heading").hidden = true;
  notice({ ...explain(problem, about), detail: problem.detail, id: problem.request_id, pages, retry });
}

const say = (text) => ($("#status").textContent = text);

// Taking away.

/** Return a page's text, a row a line; what stands side by side is parted by a tab, as spreadsheets like it. */
const textOf = (page) => rowsOf(page).map((row) => row.map((line) => line.text).join("\t")).join("\n");

async function copyText() {
  const done = await copy(work.pages.map(textOf).join("\n\n")).then(() => true, () => false);
  flash($("#copy"), done ? "Copied" : "Could not copy");
}

function flash(button, text) {
  const before = (button.dataset.label ??= button.textContent);
  button.textContent = text;
  say(text);
  setTimeout(() => (button.textContent = before), 1600);
}

async function download({ name, suffix }) {
  const mine = work;
  const base = (mine.sources.length > 1 ? "text" : mine.sources[0].file.name || "text").replace(/\.[^.]*$/, "");
  $("#download").open = false;
  if (name === "json") {
    const answer = { pages: mine.pages.map((page) => page.answer), ...mine.end };
    return save(new Blob([JSON.stringify(answer, null, 1)], { type: "application/json" }), base + suffix);
  }
  mine.controller = new AbortController();
  const { signal } = mine.controller;
  screen("reading");
  $("#working").textContent = `Writing ${base}${suffix}…`;
  try {
    const files = mine.sources.map((source) => source.file);
    const blob = await insist(mine, () => convert(files, name, { key: key(), password: mine.password, signal }));
    save(blob, base + suffix);
    say(`Saved ${base}${suffix}`);
  } catch (error) {
    if (error.name !== "AbortError" && work === mine) fail(error, () => download({ name, suffix }));
  }
  if (work !== mine) return;
  screen("read");
  $("#download summary").focus();
}

function listFormats(formats) {
  const names = { text: "Text", markdown: "Markdown", hocr: "hOCR", pdf: "Searchable PDF" };
  const items = [...formats, { name: "json", suffix: ".json" }].map((format) => {
    const button = document.createElement("button");
    const suffix = document.createElement("span");
    suffix.textContent = format.suffix;
    button.type = "button";
    button.append(names[format.name] ?? format.name.toUpperCase(), " ", suffix);
    button.addEventListener("click", () => download(format));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  $("#formats").replaceChildren(...items);
}

// What a person does.

const on = (selector, kind, act) => $(selector).addEventListener(kind, act);

doors(begin);
on("#copy", "click", copyText);
on("#cancel", "click", stop);
on("#in", "click", () => stage.zoom(1.5));
on("#out", "click", () => stage.zoom(1 / 1.5));
on("#fit", "click", () => stage.fit());
on("#key", "click", () => askForKey(key() ? "A key is set; this one takes its place." : "This service asks for one."));
on("#home", "click", () => {
  stop();
  forget();
  screen("empty");
  $("#choose").focus();
});
document.addEventListener("click", (event) => {
  if (!$("#download").contains(event.target)) $("#download").open = false;
});
document.addEventListener("keydown", (event) => {
  if ($("#ask").open) return;
  if (event.key === "Escape" && $("#download").open) {
    $("#download").open = false;
    $("#download summary").focus();
  } else if (event.key === "Escape" && document.body.dataset.state === "reading") stop();
  else if ((event.key === "PageDown" || event.key === "PageUp") && work?.pages.length > 1) {
    const next = work.shown + (event.key === "PageDown" ? 1 : -1);
    if (!work.pages[next]) return;
    event.preventDefault();
    show(next);
    if (!$("#stage").contains(document.activeElement)) lines.focus(0);
  }
});

async function start() {
  const [facts, version] = await Promise.all([getJson("page/about.json"), getJson("version")].map((each) => each.catch(() => null)));
  about = facts ?? {};
  listFormats(about.formats ?? []);
  $("#key").hidden = !about.needs_key;
  $("#model").textContent = version?.model ? `reads with ${version.model.name}` : "";
}

screen("empty");
start();
