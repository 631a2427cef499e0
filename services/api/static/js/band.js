// The band: whose numbers, which period, how far they can be believed.

import { byId, element, setAttribute, setText } from "./dom.js";
import { showSources } from "./sources.js";
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
  byId("team").addEventListener("change", (event) => choose({ team: event.target.value, rep: null }));
  const order = byId("order");
  order.value = view.order;
  order.addEventListener("change", () => choose({ order: order.value }));
}

export function showTeams(catalogue, chosen) {
  const named = new Map(catalogue.teams.map((team) => [team.id, team]));
  const depth = (team) => (team?.parent && named.has(team.parent) ? 1 + depth(named.get(team.parent)) : 0);
  const options = catalogue.teams.map((team) => {
    const option = element("option", { value: team.id }, `${"\u00a0\u00a0".repeat(depth(team))}${team.name}`);
    option.selected = team.id === chosen;
    return option;
  });
  byId("team").replaceChildren(...options);
  setText(byId("tenant"), catalogue.tenant.name);
  document.title = `${catalogue.tenant.name} · Pacer`;
}

export function showBand(store, now) {
  const sources = store.status?.sources ?? [];
  setText(byId("asof"), store.watermark ? `as of ${clock(store.watermark)}` : "\u00a0");
  const lost = store.connected === false || [...store.failures.values()].includes(null);
  setAttribute(document.body, "data-connection", lost ? "lost" : null);
  setText(byId("connection"), lost ? "disconnected" : store.connected ? "live" : "connecting");
  setText(byId("last-seen"), lost && store.lastSeen ? `, last seen ${ago(store.lastSeen, now)}` : "");
  showSources(store, now);
  const text = loudText(store, sources.filter((source) => source.out), lost);
  byId("loud").hidden = text === "";
  setText(byId("loud"), text);
}

// Says since when by the clock, not how long ago: what is read out loud must not change by itself.
function loudText(store, out, lost) {
  if (lost) {
    const since = store.lastSeen ? ` since ${clock(store.lastSeen)}` : "";
    return `Disconnected${since}: the numbers stand still. Trying again.`;
  }
  if (out.length > 0) {
    const named = out.map(({ id, last_event_at: last }) => (last ? `${id} is out since ${clock(last)}` : `${id} was never heard`));
    return `${named.join("; ")}. Numbers may be short.`;
  }
  if (store.status?.problem) return "The numbers cannot be read right now; what is shown may be old.";
  if (store.status?.configuration?.valid === false) {
    return "The configuration on disk was rejected; the board shows the one before. pacer check or pacer diff say what to do.";
  }
  const following = store.status?.configuration?.following;
  if (following && !following.done && following.records + following.reps > 0) {
    return "Numbers are following an edit of the configuration, one rep after the other; /v1/status says how many are left.";
  }
  return "";
}
