// The band: whose numbers, which period, how far they can be believed.

import { byId, element, setAttribute, setText } from "./dom.js";
import { ago, clock } from "./words.js";

const PERIODS = ["day", "week", "month", "quarter"];

export function makeBand(view, choose) {
  const periods = byId("periods");
  for (const period of PERIODS) {
    const radio = element("input", { type: "radio", name: "period", value: period });
    radio.checked = view.period === period;
    radio.addEventListener("change", () => choose({ period }));
    periods.append(element("label", {}, radio, element("span", {}, period)));
  }
  byId("team").addEventListener("change", (event) => choose({ team: event.target.value }));
  const order = byId("order");
  order.value = view.order;
  order.addEventListener("change", () => choose({ order: order.value }));
}

export function showTeams(catalogue, chosen) {
  const select = byId("team");
  const named = new Map(catalogue.teams.map((team) => [team.id, team]));
  const depth = (team) => (team?.parent && named.has(team.parent) ? 1 + depth(named.get(team.parent)) : 0);
  const options = catalogue.teams.map((team) => {
    const option = element("option", { value: team.id }, `${"  ".repeat(depth(team))}${team.name}`);
    option.selected = team.id === chosen;
    return option;
  });
  select.replaceChildren(...options);
  setText(byId("tenant"), catalogue.tenant.name);
}

export function showBand(store, now) {
  const sources = store.status?.sources ?? [];
  const out = sources.filter((source) => source.out);
  const good = store.watermark ?? store.asOf;
  setText(byId("asof"), good ? `as of ${clock(good)}` : "");
  setAttribute(byId("band"), "data-connection", store.connected === false ? "lost" : null);
  setText(byId("connection"), connection(store, now));
  byId("sources").replaceChildren(...sources.map((source) => sourceDot(source, now)));
  const loud = byId("loud");
  const text = loudText(store, out, now);
  loud.hidden = text === "";
  setText(loud, text);
}

function connection(store, now) {
  if (store.connected === null) return "connecting";
  if (store.connected) return "live";
  return store.lastSeen ? `disconnected, last seen ${ago(store.lastSeen, now)}` : "disconnected";
}

function sourceDot(source, now) {
  const age = source.last_event_at ? ago(source.last_event_at, now) : "no events yet";
  const state = source.out ? "out" : source.last_event_at ? "heard" : "silent";
  const shape = { out: "▼", heard: "●", silent: "○" }[state];
  return element("li", { "data-state": state }, element("span", { "aria-hidden": "true" }, shape), ` ${source.id} `,
    element("span", { class: "quiet" }, source.out ? `out, last heard ${age}` : age));
}

function loudText(store, out, now) {
  if (out.length > 0) {
    const named = out.map((source) => `${source.id} is out since ${ago(source.last_event_at, now)}`);
    return `${named.join("; ")}. Numbers may be short.`;
  }
  if (store.status?.configuration && store.status.configuration.valid === false) {
    return "The configuration on disk was rejected; the board shows the one before. pacer check says why.";
  }
  return "";
}
