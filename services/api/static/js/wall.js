// The wall: nothing to click, pages turn by themselves, a small shift against burn-in, reloads itself.

import { byId } from "./dom.js";

const PAGE_MS = 12000;
const SHIFT_MS = 60000;
const VERSION_MS = 120000;
const SHIFTS = [[0, 0], [4, 0], [4, 4], [0, 4]];

export const onWall = location.pathname === "/tv";

export function startWall() {
  if (!onWall) return;
  document.body.classList.add("wall");
  let shift = 0;
  setInterval(turn, PAGE_MS);
  setInterval(() => {
    shift = (shift + 1) % SHIFTS.length;
    const [x, y] = SHIFTS[shift];
    document.body.style.setProperty("transform", `translate(${x}px, ${y}px)`);
  }, SHIFT_MS);
  watchVersion();
}

// Turns to the next screenful of reps, and to the top after the last.
function turn() {
  const reps = byId("reps");
  const next = reps.scrollTop + reps.clientHeight;
  reps.scrollTo({ top: next >= reps.scrollHeight - 4 ? 0 : next, behavior: "instant" });
}

function watchVersion() {
  let version = null;
  setInterval(async () => {
    try {
      const answer = await fetch("/tv", { method: "GET", cache: "no-store" });
      const found = answer.headers.get("ETag");
      if (answer.ok && version !== null && found !== version) location.reload();
      if (answer.ok) version = found;
    } catch {
      // away: the stream's reconnect says so on the band; the next round asks again
    }
  }, VERSION_MS);
}

export function reloadOnError() {
  if (!onWall) return;
  addEventListener("error", () => setTimeout(() => location.reload(), 10000));
  addEventListener("unhandledrejection", () => setTimeout(() => location.reload(), 10000));
}
