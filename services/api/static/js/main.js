// Composes the board: what is on show follows the address, what is known follows the server.

import { showAlerts } from "./alerts.js";
import { makeBand, showBand, showTeams } from "./band.js";
import { byId, setText } from "./dom.js";
import { Loader, query } from "./loader.js";
import { showNotice } from "./notice.js";
import { kpisToShow, membersOf, subtreeOf, teamToShow } from "./organisation.js";
import { makeReps, showReps } from "./reps.js";
import { Refused, Stream, forget, read, send } from "./server.js";
import { Store } from "./store.js";
import { makeTiles, showTiles } from "./tiles.js";
import { fitWall, reloadOnError, startWall } from "./wall.js";
import { lists } from "./words.js";

const TICK_MS = 5000; // relative times keep themselves current
const AGAIN_MS = 2000;
const MOST_TILES = 6;
const MOST_COLUMNS = 6;
const CATALOGUE = "catalogue";

const address = new URLSearchParams(location.search);
const view = {
  tenant: address.get("tenant"),
  team: address.get("team"),
  period: ["day", "week", "month", "quarter"].find((kind) => kind === address.get("period")) ?? "day",
  rep: address.get("rep"),
  alert: address.get("alert"),
  order: address.get("order") ?? "attention",
};
let shown = {}; // what the page is made for: it is made anew when this changes

const store = new Store(paint);
const loader = new Loader(store, view);
const stream = new Stream({
  alive: () => (store.lastSeen = Date.now()),
  connected(interrupted) {
    store.set({ connected: true, lastSeen: Date.now() });
    if (interrupted) loader.anew(); // after a gap the whole state is read again
  },
  disconnected: () => store.set({ connected: false }),
  reading: (reading) => store.takeReading(reading),
  alert: (alert) => store.takeAlert(alert),
  status: takeStatus,
});

async function start() {
  reloadOnError();
  makeBand(view, choose);
  startWall();
  byId("key").addEventListener("submit", signIn);
  setInterval(() => store.schedule(), TICK_MS);
  loader.start();
  await open();
}

// The catalogue says what there is to show; the rest and the stream follow on their own.
async function open() {
  try {
    store.catalogue = (await read(`/v1/catalogue?${query(view)}`)) ?? store.catalogue;
    store.mended(CATALOGUE);
  } catch (error) {
    const refusal = error instanceof Refused ? error : null;
    store.failed(CATALOGUE, refusal);
    if (refusal?.status !== 401) setTimeout(open, AGAIN_MS);
    return;
  }
  view.team = teamToShow(store.catalogue, view.team);
  showTeams(store.catalogue, view.team);
  compose();
  follow();
  await loader.all();
}

function follow() {
  stream.open(`/v1/stream?${query(view, { team: view.team })}`);
}

// An edit of the configuration may bring other people and KPIs.
function takeStatus(status) {
  const [before, now] = [store.status?.configuration?.version, status.configuration?.version];
  store.takeStatus(status);
  if (before && now && before !== now) {
    forget();
    open();
  }
}

function compose() {
  const ofPeriod = store.catalogue.kpis.filter((kpi) => lists(kpi, view.period));
  const hasTarget = (kpi) => (store.of("team", view.team, kpi.id)?.target ?? null) !== null;
  const tiles = kpisToShow(ofPeriod, MOST_TILES, hasTarget);
  const columns = kpisToShow(ofPeriod, MOST_COLUMNS, hasTarget);
  const key = [view.team, view.period, ...tiles.map((kpi) => kpi.id), "", ...columns.map((kpi) => kpi.id)].join();
  if (shown.key === key && shown.catalogue === store.catalogue) return;
  const reps = membersOf(store.catalogue, view.team);
  shown = { key, catalogue: store.catalogue, members: new Set(reps.map((rep) => rep.id)), subtree: subtreeOf(store.catalogue, view.team) };
  makeTiles(tiles);
  makeReps(reps, columns, () => store.catalogue.tenant.currency);
}

async function signIn(event) {
  event.preventDefault();
  try {
    await send("/v1/session", { key: new FormData(event.target).get("key") });
    setText(byId("key-problem"), "");
    store.failures.clear();
    forget();
    await open();
  } catch (error) {
    setText(byId("key-problem"), error instanceof Refused ? error.message : "The server cannot be reached.");
  }
}

// A choice changes the address first, so that the link always says what is on show.
async function choose(change) {
  Object.assign(view, change);
  const link = new URLSearchParams(Object.entries(view).filter(([, value]) => value));
  history.replaceState(null, "", `${location.pathname}?${link}`);
  if (change.order) return store.schedule();
  store.clear();
  compose();
  if (change.team) follow();
  await loader.anew();
}

function paint() {
  const now = Date.now();
  showBand(store, now);
  showNotice(store, view);
  if (!store.catalogue) return;
  if (store.loaded) compose();
  const currency = store.catalogue.tenant.currency;
  showTiles(store, view.team, currency);
  showReps(store, view, currency);
  fitWall();
  const concerns = ({ subject }) =>
    subject?.source || shown.members.has(subject?.rep) || (!subject?.rep && shown.subtree.has(subject?.team));
  showAlerts(store, view, now, concerns);
}

start();
