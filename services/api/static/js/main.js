// Composes the board: what is on show follows the address, what is known follows the server.

import { makeBand, showBand, showTeams } from "./band.js";
import { byId, setText } from "./dom.js";
import { makeReps, showReps } from "./reps.js";
import { Refused, Stream, forget, read, send } from "./server.js";
import { Store } from "./store.js";
import { makeTiles, showTiles } from "./tiles.js";
import { showAlerts } from "./alerts.js";
import { reloadOnError, startWall } from "./wall.js";

const REFRESH_MS = 15000; // what moves with the clock moves on a grid of 15 s
const TICK_MS = 5000; // relative times keep themselves current
const MOST_TILES = 6;
const MOST_COLUMNS = 8;

const address = new URLSearchParams(location.search);
const view = {
  tenant: address.get("tenant"),
  team: address.get("team"),
  period: address.get("period") ?? "day",
  rep: address.get("rep"),
  alert: address.get("alert"),
  order: address.get("order") ?? "attention",
};

const store = new Store(paint);
const stream = new Stream({
  alive: () => (store.lastSeen = new Date().toISOString()),
  connected(interrupted) {
    store.set({ connected: true, lastSeen: new Date().toISOString() });
    if (interrupted) loadAll(); // after a gap the whole state is read again
  },
  disconnected: () => store.set({ connected: false }),
  reading: (reading) => store.takeReading(reading),
  alert: (alert) => store.takeAlert(alert),
  status: (status) => store.set({ status: { ...store.status, ...status } }),
});

function query(extra = {}) {
  const wanted = new URLSearchParams(extra);
  if (view.tenant) wanted.set("tenant", view.tenant);
  return wanted.toString();
}

async function start() {
  reloadOnError();
  makeBand(view, choose);
  startWall();
  byId("key").addEventListener("submit", signIn);
  await open();
  setInterval(loadAll, REFRESH_MS);
  setInterval(() => store.schedule(), TICK_MS);
}

async function open() {
  await loading(async () => {
    store.catalogue = await read(`/v1/catalogue?${query()}`);
    const teams = store.catalogue.teams;
    const isTop = (team) => !teams.some((other) => other.id === team.parent);
    if (!teams.some((team) => team.id === view.team)) view.team = (teams.find(isTop) ?? teams[0])?.id ?? null;
    showTeams(store.catalogue, view.team);
    compose();
    await loadState();
    stream.open(`/v1/stream?${query({ team: view.team })}`);
  });
}

function compose() {
  const kpis = store.catalogue.kpis.filter((kpi) => kpi.periods.includes(view.period));
  makeTiles(kpis.slice(0, MOST_TILES));
  makeReps(membersOf(view.team), kpis.slice(0, MOST_COLUMNS), () => store.catalogue.tenant.currency);
}

function membersOf(team) {
  const subtree = subtreeOf(team);
  return store.catalogue.reps.filter((rep) => (rep.teams ?? [rep.team]).some((own) => subtree.has(own)));
}

function subtreeOf(team) {
  const found = new Set([team]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const other of store.catalogue.teams) if (found.has(other.parent)) found.add(other.id);
  }
  return found;
}

async function loadAll() {
  if (store.catalogue) await loading(loadState);
}

async function loadState() {
  const team = encodeURIComponent(view.team);
  const [readings, alerts, status] = await Promise.all([
    read(`/v1/teams/${team}/kpis?${query({ period: view.period, members: "true" })}`),
    read(`/v1/alerts?${query()}`),
    read(`/v1/status?${query()}`),
  ]);
  if (readings) store.takeAll(readings);
  if (alerts) store.set({ alerts: new Map(alerts.alerts.map((alert) => [alert.id, alert])) });
  store.set({ status: status ?? store.status, asOf: new Date().toISOString(), problem: null });
  await loadTrends(team);
}

async function loadTrends(team) {
  const trends = await read(`/v1/teams/${team}/trends?${query({ period: view.period })}`);
  if (trends) store.set({ trends: new Map(trends.trends.map((trend) => [trend.kpi, trend])) });
}

async function loading(work) {
  try {
    await work();
    byId("key").hidden = true;
  } catch (error) {
    if (error instanceof Refused) return refused(error);
    store.set({ connected: false, problem: "The server cannot be reached; trying again." });
    if (!store.catalogue) setTimeout(open, 2000);
  }
}

function refused(error) {
  if (error.status === 401) {
    byId("key").hidden = false;
    store.set({ problem: "This board needs an API key." });
  } else {
    store.set({ problem: error.status === 403 ? `Not allowed: ${error.message}` : error.message });
  }
}

async function signIn(event) {
  event.preventDefault();
  try {
    await send("/v1/session", { key: new FormData(event.target).get("key") });
    setText(byId("key-problem"), "");
    forget();
    await open();
  } catch (error) {
    setText(byId("key-problem"), error.message);
  }
}

// A choice changes the address first, so that the link always says what is on show.
async function choose(change) {
  Object.assign(view, change);
  const shown = new URLSearchParams(Object.entries(view).filter(([, value]) => value));
  history.replaceState(null, "", `${location.pathname}?${shown}`);
  if (change.order) return store.schedule();
  store.readings = new Map();
  store.trends = new Map();
  store.loaded = false;
  forget();
  compose();
  await loadAll();
  if (change.team) stream.open(`/v1/stream?${query({ team: view.team })}`);
}

function paint() {
  const now = Date.now();
  showBand(store, now);
  setText(byId("notice"), notice());
  if (!store.catalogue) return;
  const currency = store.catalogue.tenant.currency;
  showTiles(store, view.team, currency);
  showReps(store, view.order, currency);
  const subtree = subtreeOf(view.team);
  const members = new Set(membersOf(view.team).map((rep) => rep.id));
  showAlerts(store, view, now, ({ subject }) => subject?.source || members.has(subject?.rep) || subtree.has(subject?.team));
}

function notice() {
  if (store.problem) return store.problem;
  if (!store.loaded) return "Loading …";
  const sources = store.status?.sources ?? [];
  if (sources.length > 0 && sources.every((source) => !source.last_event_at)) {
    return "No events yet: the numbers begin with the first webhook.";
  }
  const reps = membersOf(view.team);
  if (reps.length > 0 && reps.every((rep) => rep.away_until)) return "Everyone is away.";
  return "";
}

start();
