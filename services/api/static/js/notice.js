// The line above the numbers: what somebody should know before she reads them. Empty on an ordinary day.

import { byId, setText } from "./dom.js";
import { membersOf } from "./organisation.js";
import { lists } from "./words.js";

export function showNotice(store, view) {
  const refusals = [...store.failures.values()];
  const needsKey = refusals.some((refusal) => refusal?.status === 401);
  const form = byId("key");
  if (form.hidden === needsKey) form.hidden = !needsKey;
  byId("board").hidden = needsKey || refusals.some((refusal) => refusal?.status === 403);
  setText(byId("notice"), needsKey ? "This board needs an API key." : problem(refusals) || condition(store, view));
}

function problem(refusals) {
  if (refusals.length === 0) return "";
  const refusal = refusals.find((found) => found !== null);
  if (!refusal) return "The server cannot be reached; trying again.";
  if (refusal.status === 403) return `Not allowed: ${refusal.message}`;
  return `A part of the board is missing: ${refusal.message}. Trying again.`;
}

function condition(store, view) {
  if (!store.catalogue || !store.loaded) return "";
  if (store.catalogue.kpis.every((kpi) => !lists(kpi, view.period))) {
    return `No KPI is measured by the ${view.period}.`;
  }
  const sources = store.status?.sources ?? [];
  if (sources.length > 0 && sources.every((source) => !source.last_event_at)) {
    return "No events yet: the numbers begin with the first webhook.";
  }
  const reps = membersOf(store.catalogue, view.team);
  if (reps.length === 0) return "Nobody belongs to this team today.";
  return reps.every((rep) => rep.away_until) ? "Everyone is away." : "";
}
