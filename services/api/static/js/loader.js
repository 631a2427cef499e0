// Reads the parts of the board, each on its own: a part that fails leaves the others alone. What was asked for a
// choice that is no longer on show is dropped.

import { Refused, forget, read } from "./server.js";

const REFRESH_MS = 15000; // what moves with the clock moves on a grid of 15 s
const TRENDS_MS = { day: 30000 };
const TRENDS_ELSE_MS = 60000;

export class Loader {
  constructor(store, view) {
    this.store = store;
    this.view = view;
    this.turn = 0;
    this.trendsAt = 0;
  }

  start() {
    setInterval(() => this.all(), REFRESH_MS);
  }

  // Everything is read anew, whatever was known.
  anew() {
    this.turn += 1;
    this.trendsAt = 0;
    forget();
    return this.all();
  }

  async all() {
    if (!this.store.catalogue) return;
    const { store, view } = this;
    const team = `/v1/teams/${encodeURIComponent(view.team)}`;
    this.trends(team);
    await Promise.all([
      this.part(`${team}/kpis?${query(view, { period: view.period, members: "true" })}`, (found) => store.takeAll(found)),
      this.part(`/v1/alerts?${query(view)}`, (found) => store.takeAlerts(found.alerts)),
      this.part(`/v1/status?${query(view)}`, (found) => store.takeStatus(found)),
    ]);
  }

  async part(path, take) {
    const turn = this.turn;
    try {
      const found = await read(path);
      if (turn !== this.turn) return;
      if (found) take(found);
      this.store.mended(path);
    } catch (error) {
      if (turn === this.turn) this.store.failed(path, error instanceof Refused ? error : null);
    }
  }

  // The lines are an extra: without them the tiles say the same in numbers.
  async trends(team) {
    const { store, view, turn } = this;
    if (Date.now() - this.trendsAt < (TRENDS_MS[view.period] ?? TRENDS_ELSE_MS) - 1000) return;
    this.trendsAt = Date.now();
    try {
      const found = await read(`${team}/trends?${query(view, { period: view.period })}`);
      if (found && turn === this.turn) store.set({ trends: new Map(found.trends.map((trend) => [trend.kpi, trend])) });
    } catch {
      // asked again at the next turn
    }
  }
}

export function query(view, extra = {}) {
  const wanted = new URLSearchParams(extra);
  if (view.tenant) wanted.set("tenant", view.tenant);
  return wanted.toString();
}
