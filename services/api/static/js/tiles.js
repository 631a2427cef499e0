// The team's tiles: six numbers at most, each with its bullet graph, the gap in words and the line of the period.

import { byId, element, setAttribute, setText } from "./dom.js";
import { makeBullet, showBullet } from "./bullet.js";
import { makeSpark, showSpark } from "./spark.js";
import { STATUS, amount, asRead, difference, exactly } from "./words.js";

const MARK_MS = 1200;
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const tiles = new Map();

export function makeTiles(kpis) {
  tiles.clear();
  byId("tiles").dataset.count = String(kpis.length);
  byId("tiles").replaceChildren(...kpis.map(makeTile));
}

function makeTile(kpi) {
  const parts = {
    value: element("p", { class: "value" }, "\u00a0"),
    status: element("p", { class: "status" }),
    bullet: makeBullet(),
    gap: element("p", { class: "gap" }, "\u00a0"),
    spark: makeSpark(),
  };
  const tile = element("article", { class: "tile", "aria-label": kpi.name }, element("h3", {}, kpi.name), parts.value,
    parts.status, parts.bullet, parts.gap, parts.spark);
  tiles.set(kpi.id, { tile, kpi, ...parts });
  return tile;
}

export function showTiles(store, team, currency) {
  for (const { tile, kpi, value, status, bullet, gap, spark } of tiles.values()) {
    const reading = store.of("team", team, kpi.id);
    tile.hidden = store.loaded && !reading;
    setAttribute(tile, "aria-busy", reading ? null : "true");
    if (!reading) continue;
    const state = STATUS[reading.status] ?? STATUS.no_target;
    const read = asRead(kpi, reading);
    showAmount(value, amount(reading.value, read.unit, currency), exactly(reading.value, read.unit, currency));
    setText(status, `${state.shape} ${state.word}`);
    setAttribute(status, "data-tone", state.tone);
    setText(gap, reading.measurable ? difference(reading, read, currency) : "may be short: a source is out");
    setAttribute(tile, "data-short", reading.measurable ? null : true);
    showBullet(bullet, reading, read, currency);
    showSpark(spark, store.trends.get(kpi.id), reading);
    mark(tile, store.changed.has(`team/${team}/${kpi.id}`));
  }
}

// The full amount on hover, and on focus where the short one leaves something out.
function showAmount(target, short, full) {
  setText(target, short);
  setAttribute(target, "title", full);
  setAttribute(target, "data-full", short === full ? null : full);
  setAttribute(target, "tabindex", short === full ? null : "0");
}

// On the compositor: fifty changes a second must not keep the page busy.
export function mark(target, changed) {
  if (!changed || STILL.matches) return;
  target.animate([{ opacity: 0.28 }, { opacity: 0 }], { duration: MARK_MS, easing: "ease-out", pseudoElement: "::after" });
}
