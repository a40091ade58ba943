// How long it took, stage by stage, and which model read.

const STAGES = {
  queue: "Waiting for a turn",
  decode: "Opening the picture",
  det: "Finding lines",
  post: "Outlining them",
  cls: "Turning them",
  crop: "Cutting them out",
  rec: "Reading them",
};

export function showFacts({ timings_ms: timings, model }, pages) {
  const { total, ...stages } = timings;
  const failed = pages.filter((page) => page.error).length;
  const lines = pages.reduce((sum, page) => sum + (page.lines?.length ?? 0), 0);
  const what = [count(lines, "line")];
  if (pages.length > 1) what.push(count(pages.length, "page"));
  if (failed) what.push(`${failed} not read`);
  document.querySelector("#took").textContent = `${what.join(", ")} in ${seconds(total)}, by ${model.name}`;
  document.querySelector("#digest").textContent = `${model.name} ${model.version}, ${model.digest.slice(0, 12)}`;
  const most = Math.max(...Object.values(stages), 1);
  const rows = Object.entries(stages).map(([name, time]) => row(STAGES[name] ?? name, time, time / most));
  document.querySelector("#stages").replaceChildren(...rows, row(pages.length > 1 ? "In all, pages side by side" : "In all", total));
  document.querySelector("#facts").hidden = false;
}

function row(name, time, share) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  const bar = document.createElement("td");
  if (share !== undefined) {
    const fill = document.createElement("i");
    fill.style.width = `${100 * share}%`;
    bar.append(fill);
  }
  const value = document.createElement("td");
  value.textContent = time < 1000 ? `${time < 10 ? time.toFixed(1) : Math.round(time)} ms` : seconds(time);
  line.append(head, bar, value);
  return line;
}

const seconds = (time) => `${(time / 1000).toFixed(time < 10_000 ? 2 : 1)} s`;
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
