// Reps as small multiples: a row a rep, a column a KPI. A row far from the screen holds no cells, so that 500 reps
// cost what two dozen do.

import { byId, element, setAttribute, setText } from "./dom.js";
import { makeBullet, showBullet } from "./bullet.js";
import { mark } from "./tiles.js";
import { STATUS, amount, asRead, day, exactly } from "./words.js";

const NEAR = "600px 0px";
const ARRANGE_MS = 10000; // rows do not run away from whoever reads them
const rows = new Map();
let columns = [];
let near = null;
let arrangedAt = 0;
let arrangedFor = "";

export function makeReps(reps, kpis, currencyOf) {
  columns = kpis;
  rows.clear();
  near?.disconnect();
  arrangedAt = 0;
  near = new IntersectionObserver((entries) => entries.forEach((entry) => visible(entry, currencyOf)), { rootMargin: NEAR, scrollMargin: NEAR });
  const heads = ["Rep", ...kpis.map((kpi) => kpi.name)].map((name) => element("span", { role: "columnheader" }, name));
  const table = byId("reps");
  table.style.setProperty("--columns", String(kpis.length));
  table.replaceChildren(element("div", { class: "row head", role: "row" }, ...heads));
  for (const rep of reps) table.append(makeRow(rep));
}

function makeRow(rep) {
  const who = element("span", { class: "who", role: "rowheader" }, element("strong", {}, rep.name),
    element("span", { class: "quiet" }));
  const row = element("div", { class: "row", role: "row", "data-rep": rep.id }, who);
  rows.set(rep.id, { rep, row, note: who.lastChild, cells: null, known: null });
  near.observe(row);
  return row;
}

function visible(entry, currencyOf) {
  const held = rows.get(entry.target.dataset.rep);
  if (!held) return;
  if (entry.isIntersecting && !held.cells) {
    held.cells = columns.map((kpi) => makeCell(kpi));
    held.row.append(...held.cells.map((cell) => cell.cell));
    if (held.known) showRow(held, held.known, currencyOf());
  } else if (!entry.isIntersecting && held.cells) {
    held.cells.forEach((cell) => cell.cell.remove());
    held.cells = null;
  }
}

function makeCell(kpi) {
  const number = element("span", { class: "number" });
  const bullet = makeBullet();
  return { kpi, number, bullet, cell: element("span", { class: "cell", role: "cell", "data-name": kpi.name }, number, bullet) };
}

export function showReps(store, view, currency) {
  const known = { store, most: new Map(columns.map((kpi) => [kpi.id, largest(store, kpi)])) };
  for (const held of rows.values()) {
    held.known = known;
    setAttribute(held.row, "data-chosen", held.rep.id === view.rep);
    if (held.cells) showRow(held, known, currency);
  }
  const key = `${view.order} ${store.loaded}`;
  const now = Date.now();
  if (key === arrangedFor && now - arrangedAt < ARRANGE_MS) return;
  arrange(store, view.order);
  if (arrangedAt === 0 && store.loaded) rows.get(view.rep)?.row.scrollIntoView({ block: "nearest" });
  [arrangedFor, arrangedAt] = [key, now];
}

function largest(store, kpi) {
  let most = 0;
  for (const id of rows.keys()) most = Math.max(most, store.of("rep", id, kpi.id)?.value ?? 0);
  return most;
}

function showRow(held, { store, most }, currency) {
  const { rep, row, note, cells } = held;
  const away = rep.away_until ?? null;
  setAttribute(row, "data-away", away ? true : null);
  setText(note, away ? `away until ${day(away)}` : (rep.role ?? ""));
  for (const { kpi, number, bullet, cell } of cells) {
    const reading = store.of("rep", rep.id, kpi.id);
    setAttribute(cell, "data-empty", reading ? null : true);
    if (!reading) continue;
    const [status, read] = [STATUS[reading.status] ?? STATUS.no_target, asRead(kpi, reading)];
    setText(number, `${amount(reading.value, read.unit, currency)} ${reading.target === null ? "" : status.shape}`);
    setAttribute(number, "data-tone", status.tone);
    setAttribute(number, "title", exactly(reading.value, read.unit, currency));
    showBullet(bullet, reading, read, currency, most.get(kpi.id));
    mark(cell, store.changed.has(`rep/${rep.id}/${kpi.id}`));
  }
}

// Away last, then by the order chosen; rows move only when their place changes.
function arrange(store, order) {
  const scored = [...rows.values()].map((held) => [score(held.rep, store, order), held]);
  scored.sort(([a, first], [b, second]) => a - b || first.rep.name.localeCompare(second.rep.name));
  const table = byId("reps");
  let place = table.firstElementChild;
  for (const [, { row }] of scored) {
    if (place.nextElementSibling !== row) place.after(row);
    place = row;
  }
}

function score(rep, store, order) {
  if (rep.away_until) return Number.MAX_SAFE_INTEGER;
  if (order === "name") return 0;
  const readings = columns.map((kpi) => store.of("rep", rep.id, kpi.id)).filter((r) => r && r.target !== null);
  if (readings.length === 0) return Number.MAX_SAFE_INTEGER - 1;
  if (order === "standings") return -average(readings.map((r) => Math.min(r.attainment ?? 0, 2)));
  const worst = Math.min(...readings.map((r) => STATUS[r.status]?.rank ?? 9));
  return worst * 100 + average(readings.map((r) => Math.min(r.pace ?? 1, 2)));
}

const average = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
