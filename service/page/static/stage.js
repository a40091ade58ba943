// The page as it is seen, with a box around each line: moved and zoomed by mouse, touch and keys.

import { boxOf } from "./geometry.js";
import { parts } from "./lines.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST = 12; // screen pixels for one of the picture
const MARGIN = 20;
const SLACK = 5; // pixels that a finger moves while it taps

/** Show pages in `stage`; `onPoint(index)`, `onLeave()` and `onPick(index)` are told of the boxes. */
export function pageStage(stage, { onPoint, onLeave, onPick, onZoom }) {
  const [sheet, picture, boxes] = ["#sheet", "#picture", "#boxes"].map((name) => stage.querySelector(name));
  let page = { width: 1, height: 1, rotation: 0 };
  let view = { k: 1, x: 0, y: 0 };
  let fitted = true;
  let polygons = [];

  const size = () => (page.rotation % 180 ? [page.height, page.width] : [page.width, page.height]);

  function draw(glide = false) {
    const { k, x, y } = view;
    const [w, h] = [page.width * k, page.height * k];
    const [dx, dy] = { 0: [0, 0], 90: [h, 0], 180: [w, h], 270: [0, w] }[page.rotation];
    sheet.classList.toggle("glide", glide);
    sheet.style.width = `${w}px`;
    sheet.style.height = `${h}px`;
    sheet.style.transform = `translate(${x + dx}px, ${y + dy}px) rotate(${page.rotation}deg)`;
    stage.classList.toggle("zoomed", !fitted);
    onZoom(k);
  }

  function fit(glide = false) {
    const [w, h] = size();
    const room = [stage.clientWidth - 2 * MARGIN, stage.clientHeight - 2 * MARGIN];
    const k = Math.max(0.01, Math.min(room[0] / w, room[1] / h, 3));
    view = { k, x: (stage.clientWidth - w * k) / 2, y: (stage.clientHeight - h * k) / 2 };
    fitted = true;
    draw(glide);
  }

  /** Zoom so that the point (x, y) of the stage stays where it is. */
  function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2, glide = false) {
    const k = Math.max(0.02, Math.min(MOST, view.k * factor));
    const by = k / view.k;
    view = { k, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
    fitted = false;
    keepInSight();
    draw(glide);
  }

  function pan(dx, dy, glide = false) {
    view.x += dx;
    view.y += dy;
    fitted = false;
    keepInSight();
    draw(glide);
  }

  /** Leave at least a part of the page on the stage. */
  function keepInSight() {
    const keep = (at, side, room) => {
      const part = Math.min(room / 3, side);
      return Math.max(part - side, Math.min(at, room - part));
    };
    const [w, h] = size().map((side) => side * view.k);
    view.x = keep(view.x, w, stage.clientWidth);
    view.y = keep(view.y, h, stage.clientHeight);
  }

  /** Bring a line onto the stage, if it is not; with `closer`, so large that it can be read. */
  function reveal(index, closer = false) {
    const [left, top, right, bottom] = boxOf(page, page.lines[index]);
    if (closer) {
      const k = Math.min((stage.clientWidth - 4 * MARGIN) / (right - left), (0.3 * stage.clientHeight) / (bottom - top), 4);
      view.k = Math.max(k, 0.02);
    }
    const [x, y] = [view.x + left * view.k, view.y + top * view.k];
    const [x2, y2] = [view.x + right * view.k, view.y + bottom * view.k];
    const inside = x >= 0 && y >= 0 && x2 <= stage.clientWidth && y2 <= stage.clientHeight;
    if (inside && !closer) return;
    view.x = stage.clientWidth / 2 - ((left + right) / 2) * view.k;
    view.y = stage.clientHeight / 2 - ((top + bottom) / 2) * view.k;
    fitted = false;
    draw(true);
  }

  function polygon(points, kind) {
    const element = document.createElementNS(SVG, "polygon");
    element.setAttribute("points", points.map((point) => point.join(",")).join(" "));
    element.setAttribute("class", kind);
    return element;
  }

  function show(next) {
    page = { rotation: 0, lines: [], ...next };
    if (picture.src !== (page.url ?? "")) {
      if (page.url) picture.src = page.url;
      else picture.removeAttribute("src");
    }
    boxes.setAttribute("viewBox", `0 0 ${page.width} ${page.height}`);
    polygons = page.lines.map((line) => polygon(line.polygon, "line"));
    const doubts = page.lines.flatMap((line) => parts(line).filter((part) => part.doubt));
    boxes.replaceChildren(...doubts.map((part) => polygon(part.polygon, "doubt")), ...polygons);
    fit();
  }

  // Boxes.
  const indexOf = (event) => polygons.indexOf(event.target);
  boxes.addEventListener("pointerover", (event) => indexOf(event) >= 0 && onPoint(indexOf(event)));
  boxes.addEventListener("pointerout", () => onLeave());
  boxes.addEventListener("click", (event) => indexOf(event) >= 0 && onPick(indexOf(event)));

  // One pointer moves, two zoom. A press that hardly moves is a click, left to the boxes.
  const pointers = new Map();
  let moved = false;
  const middle = (all) => [all.reduce((sum, p) => sum + p.x, 0) / all.length, all.reduce((sum, p) => sum + p.y, 0) / all.length];
  const spread = (all) => Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y);
  const place = (event) => {
    const { left, top } = stage.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!pointers.size) moved = false;
    pointers.set(event.pointerId, { ...place(event), start: place(event) });
  });
  stage.addEventListener("pointermove", (event) => {
    const old = pointers.get(event.pointerId);
    if (!old) return;
    const now = { ...place(event), start: old.start };
    if (!moved && pointers.size < 2 && Math.hypot(now.x - old.start.x, now.y - old.start.y) < SLACK) return;
    if (!moved) for (const id of pointers.keys()) stage.setPointerCapture(id);
    moved = true;
    const before = [...pointers.values()];
    pointers.set(event.pointerId, now);
    const after = [...pointers.values()];
    const [from, to] = [middle(before), middle(after)];
    if (after.length > 1) zoom(spread(after) / (spread(before) || 1), ...to);
    // A finger on a page that is shown whole scrolls what is around it.
    if (after.length > 1 || !fitted || event.pointerType === "mouse") pan(to[0] - from[0], to[1] - from[1]);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, (event) => pointers.delete(event.pointerId));
  }
  stage.addEventListener("dblclick", (event) => {
    const { x, y } = place(event);
    fitted ? zoom(2.5, x, y, true) : fit(true);
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      // Where the whole page scrolls, the wheel is left to it; Ctrl, as a pinch on a touchpad, zooms.
      const scrolls = document.documentElement.scrollHeight > window.innerHeight + 1;
      if (scrolls && !event.ctrlKey) return;
      event.preventDefault();
      const { x, y } = place(event);
      const step = event.deltaMode ? event.deltaY * 16 : event.deltaY;
      zoom(Math.exp(-Math.max(-120, Math.min(120, step)) * (event.ctrlKey ? 0.01 : 0.0018)), x, y);
    },
    { passive: false },
  );

  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) pan(...moves[event.key], true);
    else if (event.key === "+" || event.key === "=") zoom(1.4, undefined, undefined, true);
    else if (event.key === "-") zoom(1 / 1.4, undefined, undefined, true);
    else if (event.key === "0") fit(true);
    else return;
    event.preventDefault();
  });

  new ResizeObserver(() => (fitted ? fit() : draw())).observe(stage);

  return {
    show,
    fit: () => fit(true),
    zoom: (factor) => zoom(factor, undefined, undefined, true),
    reveal,
    light: (index) => polygons.forEach((each, i) => each.classList.toggle("lit", i === index)),
  };
}
