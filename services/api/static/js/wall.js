// The wall: nothing to click, pages turn by themselves, a small shift against burn-in, reloads itself.

import { byId, setAttribute, setText } from "./dom.js";

const PAGE_MS = 12000;
const SHIFT_MS = 60000;
const VERSION_MS = 120000;
const RELOAD_MS = 10000;
const BORDERS = 2;
const SHIFTS = [[0, 0], [4, 0], [4, 4], [0, 4]];

export const onWall = location.pathname === "/tv";

export function startWall() {
  if (!onWall) return;
  document.documentElement.classList.add("wall");
  let shift = 0;
  setInterval(turn, PAGE_MS);
  setInterval(() => {
    shift = (shift + 1) % SHIFTS.length;
    const [x, y] = SHIFTS[shift];
    document.body.style.setProperty("translate", `${x}px ${y}px`);
  }, SHIFT_MS);
  watchVersion();
}

// The next screenful of whole rows, and the first after the last.
function turn() {
  const { reps, rows, each, height } = layout();
  if (rows.length === 0) return;
  const pages = Math.ceil(rows.length / each);
  const page = (Math.round(reps.scrollTop / (each * height)) + 1) % pages;
  reps.scrollTo({ top: page * each * height, behavior: "instant" });
  fitWall();
}

function layout() {
  const reps = byId("reps");
  const [head, ...rows] = reps.children;
  const height = rows[0]?.offsetHeight || 1;
  const room = reps.parentElement.clientHeight - reps.offsetTop + reps.parentElement.offsetTop - head.offsetHeight - BORDERS;
  return { reps, rows, height, headed: head.offsetHeight, each: Math.max(1, Math.floor(room / height)) };
}

// Nothing is cut in half: the table is as high as its whole rows, an alert without room is left out.
export function fitWall() {
  if (!onWall || byId("reps").children.length === 0) return;
  const { reps, rows, headed, each, height } = layout();
  const wanted = `${headed + each * height + BORDERS}px`;
  if (reps.style.getPropertyValue("max-height") !== wanted) reps.style.setProperty("max-height", wanted);
  const [page, pages] = [Math.round(reps.scrollTop / (each * height)), Math.ceil(rows.length / each)];
  setText(byId("page"), pages > 1 ? `page ${page + 1} of ${pages}` : "");
  const { bottom } = byId("alerts").parentElement.getBoundingClientRect();
  for (const alert of byId("alerts").children) {
    setAttribute(alert, "data-cut", alert.getBoundingClientRect().bottom > bottom);
  }
}

// After an update of the server the wall shows the new board.
function watchVersion() {
  let version = null;
  setInterval(async () => {
    try {
      const found = await filesVersion();
      if (version !== null && found !== version) location.reload();
      version = found;
    } catch {
      // away: the band says so; the next round asks again
    }
  }, VERSION_MS);
}

async function filesVersion() {
  const files = performance.getEntriesByType("resource").map((entry) => new URL(entry.name).pathname);
  const own = ["/tv", ...new Set(files.filter((path) => path.startsWith("/static/")))];
  const answers = await Promise.all(own.map((path) => fetch(path, { method: "HEAD", cache: "no-store" })));
  if (answers.some((answer) => !answer.ok)) throw new Error("not all files are there");
  return answers.map((answer) => answer.headers.get("ETag")).join();
}

export function reloadOnError() {
  if (!onWall) return;
  for (const kind of ["error", "unhandledrejection"]) {
    addEventListener(kind, () => setTimeout(() => location.reload(), RELOAD_MS));
  }
}
