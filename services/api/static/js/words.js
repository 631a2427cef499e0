// Numbers, times and states in the viewer's own words.

const LOCALE = navigator.language || "en";
const RELATIVE = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto", style: "narrow" });
const CLOCK = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(LOCALE, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "short" });
const formats = new Map();

// A word and a shape each: status never rests on colour alone.
export const STATUS = {
  achieved: { word: "achieved", shape: "▲", tone: "good", rank: 6 },
  on_track: { word: "on track", shape: "▲", tone: "good", rank: 5 },
  behind: { word: "behind", shape: "●", tone: "warn", rank: 2 },
  at_risk: { word: "at risk", shape: "▼", tone: "bad", rank: 1 },
  unreachable: { word: "out of reach", shape: "▼", tone: "bad", rank: 0 },
  missed: { word: "missed", shape: "▼", tone: "bad", rank: 0 },
  not_started: { word: "not started", shape: "■", tone: "calm", rank: 7 },
  no_target: { word: "no target", shape: "■", tone: "calm", rank: 8 },
};

function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(LOCALE, options));
  return formats.get(key);
}

export function amount(value, unit, currency) {
  if (value === null || value === undefined) return "–";
  if (unit === "money") return money(value, currency, true);
  if (unit === "ratio") return format({ style: "percent", maximumFractionDigits: 1 }).format(value);
  if (unit === "seconds") return duration(value * 1000);
  if (unit === "days") return `${format({ maximumFractionDigits: 1 }).format(value)} d`;
  const big = Math.abs(value) >= 100000;
  return format(big ? { notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 1 }).format(value);
}

export function exactly(value, unit, currency) {
  if (value === null || value === undefined) return "no value";
  if (unit === "money") return money(value, currency, false);
  return unit === "count" ? format({ maximumFractionDigits: 2 }).format(value) : amount(value, unit, currency);
}

function money(value, currency, short) {
  const compact = short && Math.abs(value) >= 10000;
  const options = { style: "currency", currency, maximumFractionDigits: compact ? 1 : short ? 0 : 2 };
  return format(compact ? { ...options, notation: "compact" } : options).format(value);
}

export function duration(milliseconds) {
  const minutes = Math.round(Math.abs(milliseconds) / 60000);
  if (minutes < 1) return `${Math.round(Math.abs(milliseconds) / 1000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

export function ago(instant, now) {
  const seconds = Math.min(0, Math.round((new Date(instant) - now) / 1000)); // clocks differ; nothing comes from the future
  if (Math.abs(seconds) < 60) return RELATIVE.format(seconds, "second");
  if (Math.abs(seconds) < 3600) return RELATIVE.format(Math.round(seconds / 60), "minute");
  if (Math.abs(seconds) < 172800) return RELATIVE.format(Math.round(seconds / 3600), "hour");
  return RELATIVE.format(Math.round(seconds / 86400), "day");
}

export const clock = (instant) => CLOCK.format(new Date(instant));
export const moment = (instant) => MOMENT.format(new Date(instant));
export const day = (date) => DAY.format(new Date(`${date}T12:00:00`));
// The version of a KPI that a reading is of: a longer period may use an earlier one than today does.
export const asRead = (kpi, reading) => kpi.versions?.find((version) => version.definition === reading.definition) ?? kpi;
export const lists = (kpi, period) => (kpi.versions ?? [kpi]).some((version) => version.periods.includes(period));
export const noun = (kpi) => kpi.id.replaceAll("_", " ");

// "7 calls behind where we should be"
export function difference(reading, kpi, currency) {
  if (reading.target === null) return "no target in this period";
  if (reading.status === "not_started") return "nothing is due yet";
  if (reading.value === null) return "nothing to measure yet";
  const gap = reading.value - reading.expected_to_date;
  const lower = kpi.better === "lower";
  if (Math.abs(gap) < 0.05 && kpi.unit === "count") return "just where we should be";
  const size = distance(Math.abs(gap), kpi, currency);
  if (lower) return `${size} ${gap > 0 ? "over" : "under"} the ceiling by now`;
  return `${size} ${gap < 0 ? "behind" : "ahead of"} where we should be`;
}

function distance(size, kpi, currency) {
  if (kpi.unit === "ratio") return `${format({ maximumFractionDigits: 1 }).format(size * 100)} points`;
  return kpi.unit === "count" ? `${format({ maximumFractionDigits: size < 10 ? 1 : 0 }).format(size)} ${noun(kpi)}` : amount(size, kpi.unit, currency);
}

export function inWords(reading, kpi, currency) {
  const status = STATUS[reading.status] ?? STATUS.no_target;
  const parts = [`${kpi.name}: ${exactly(reading.value, kpi.unit, currency)}`];
  if (reading.target !== null) {
    parts.push(`expected by now ${exactly(reading.expected_to_date, kpi.unit, currency)}`);
    parts.push(`target ${exactly(reading.target, kpi.unit, currency)}`);
  }
  parts.push(status.word);
  if (!reading.measurable) parts.push("may be short: a source is out");
  return parts.join(", ");
}
