// The sources in the band: one mark each with its age, and behind it a panel that says how the source is.

import { byId, element, setAttribute, setText } from "./dom.js";
import { onWall } from "./wall.js";
import { ago, amount, clock, duration } from "./words.js";

const SHAPES = { out: "▼", ill: "◆", heard: "●", silent: "○" };
const RHYTHM = { quiet: "unusually quiet", usual: "as usual", busy: "unusually busy", unknown: "too new to tell" };
const shown = new Map();

export function showSources(store, now) {
  const sources = store.status?.sources ?? [];
  for (const id of shown.keys()) {
    if (sources.some((source) => source.id === id)) continue;
    shown.get(id).item.remove();
    shown.delete(id);
  }
  for (const source of sources) {
    if (!shown.has(source.id)) shown.set(source.id, make(source));
    show(shown.get(source.id), source, store.health.get(source.id), now);
  }
}

function make(source) {
  const shape = element("span", { class: "dot", "aria-hidden": "true" });
  const age = element("span", { class: "quiet" });
  const item = element("li");
  const facts = element("dl");
  const panel = element("div", { class: "health", id: `health-${source.id}`, popover: "auto", role: "dialog", "aria-label": `Health of ${source.id}` });
  panel.append(element("h2", {}, source.id), element("p", { class: "quiet" }, source.provider), facts);
  if (onWall) item.append(shape, ` ${source.id} `, age); // nothing to click there
  else item.append(element("button", { type: "button", class: "source", popovertarget: panel.id }, shape, ` ${source.id} `, age), panel);
  byId("sources").append(item);
  return { item, shape, age, panel, facts };
}

function show({ item, shape, age, panel, facts }, source, health, now) {
  const heard = source.last_event_at ? ago(source.last_event_at, now) : "no events yet";
  const ills = source.out || !health ? [] : illsOf(health);
  const state = source.out ? "out" : ills.length > 0 ? "ill" : source.last_event_at ? "heard" : "silent";
  setAttribute(item, "data-state", state);
  setText(shape, SHAPES[state]);
  setText(age, source.out ? `out, last heard ${heard}` : [heard, ...ills.slice(0, 1)].join(", "));
  if (onWall) return;
  const lines = health ? inLines(source, health, heard, ills) : [["Last event", heard]];
  if (panel.dataset.lines === JSON.stringify(lines)) return;
  panel.dataset.lines = JSON.stringify(lines);
  facts.replaceChildren(...lines.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]));
}

// What somebody should look at, the gravest first.
function illsOf(health) {
  const ills = [];
  if (health.signature_failures > 0) ills.push(counted(health.signature_failures, "failed signature"));
  if (health.stale_signatures > 0) ills.push(counted(health.stale_signatures, "signature too old", "signatures too old"));
  if (health.rhythm.state === "quiet") ills.push(RHYTHM.quiet);
  return ills;
}

function inLines(source, health, heard, ills) {
  const { rhythm, last_day: day, last_hour: hour } = health;
  const usual = rhythm.usual === null ? "" : `, usually ${amount(rhythm.usual, "count")}`;
  const refused = Object.entries(day.refused).map(([reason, count]) => `${reason.replaceAll("_", " ")} ${amount(count, "count")}`);
  return [
    ["To look at", ills.length > 0 ? ills.join("; ") : "nothing"],
    ["Last event", heard],
    ["Last delivery", health.last_delivery_at ? clock(health.last_delivery_at) : "none within a day"],
    ["Last full hour", `${counted(rhythm.rate, "event")}${usual}: ${RHYTHM[rhythm.state]}`],
    ["Since the hour before", sum(hour)],
    ["Within a day", sum(day)],
    ["Came twice", share(health.duplicate_share)],
    ["Refused", [share(health.error_share), ...refused].join("; ")],
    ["Sender's clock", skew(health.clock_skew_seconds)],
  ];
}

const sum = (counts) =>
  `${counted(counts.deliveries, "delivery", "deliveries")}: ${amount(counts.accepted, "count")} accepted, ${amount(counts.quarantined, "count")} in quarantine, ${amount(counts.ignored, "count")} ignored`;
const share = (value) => (value === null ? "nothing arrived" : amount(value, "ratio"));
const counted = (count, one, many = `${one}s`) => `${amount(count, "count")} ${count === 1 ? one : many}`;

function skew(seconds) {
  if (seconds === null) return "signs no time";
  return Math.abs(seconds) < 1 ? "right" : `${duration(seconds * 1000)} ${seconds > 0 ? "behind" : "ahead"}`;
}
