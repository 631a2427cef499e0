// Stephen Few's bullet graph: a bar for the value, a thin line for what is expected by now, a tick for the target,
// muted ranges behind. Four elements and custom properties, so that thousands of them stay cheap.

import { element, setAttribute, setShare } from "./dom.js";
import { STATUS, inWords } from "./words.js";

const HEADROOM = 1.08;

export function makeBullet() {
  const parts = ["bar", "expected", "target"].map((name) => element("span", { class: name }));
  return element("span", { class: "bullet", role: "img" }, ...parts);
}

// Without a target the bar is measured against ``most``, the largest of its kind; there is no scale without either.
export function showBullet(bullet, reading, kpi, currency, most = null) {
  const status = STATUS[reading.status] ?? STATUS.no_target;
  const asked = reading.target !== null;
  const value = reading.value ?? 0;
  const [target, expected] = [reading.target ?? 0, reading.expected_to_date ?? 0];
  const scale = (asked ? Math.max(target, value, expected, 0) : Math.max(most ?? 0, 0)) * HEADROOM || 1;
  setShare(bullet, "--value", value / scale);
  setShare(bullet, "--expected", expected / scale);
  setShare(bullet, "--target", target / scale);
  setShare(bullet, "--risk", (expected * 0.8) / scale);
  setAttribute(bullet, "data-tone", status.tone);
  setAttribute(bullet, "data-target", asked);
  setAttribute(bullet, "data-scale", asked || most !== null);
  setAttribute(bullet, "data-short", reading.measurable ? null : true);
  setAttribute(bullet, "aria-label", inWords(reading, kpi, currency));
}
