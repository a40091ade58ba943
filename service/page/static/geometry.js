// Where lines lie on a page that stands upright.

/** Return where a point of the picture is once the page is turned by its rotation. */
export function upright({ width: w, height: h, rotation }, [x, y]) {
  return { 0: [x, y], 90: [h - y, x], 180: [w - x, h - y], 270: [y, w - x] }[rotation ?? 0];
}

/** Return the box around a line, upright: [left, top, right, bottom]. */
export function boxOf(page, { polygon }) {
  const corners = polygon.map((corner) => upright(page, corner));
  const [xs, ys] = [corners.map((c) => c[0]), corners.map((c) => c[1])];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Return the lines in rows: each stands beside the one before where it lies to its right, at half its height at least. */
export function rowsOf(page) {
  const rows = [];
  let before;
  for (const line of page.lines ?? []) {
    const box = boxOf(page, line);
    const shared = before && Math.min(box[3], before[3]) - Math.max(box[1], before[1]);
    const least = before && Math.min(box[3] - box[1], before[3] - before[1]);
    if (before && shared > least / 2 && box[0] >= before[2] - least) rows.at(-1).push(line);
    else rows.push([line]);
    before = box;
  }
  return rows;
}
