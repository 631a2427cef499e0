// A sparkline: the period's cumulative value over the line of what was expected.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 200;
const HEIGHT = 36;

export function makeSpark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true"); // the tile says the same in words
  for (const name of ["line-expected", "line-value"]) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("class", name);
    svg.append(line);
  }
  return svg;
}

export function showSpark(svg, trend, reading) {
  const drawn = trend && trend.points.length > 1 && trend.period.id === reading.period.id;
  svg.toggleAttribute("hidden", !drawn);
  if (!drawn) return;
  const points = eventful(trend.points);
  const [start, end] = [Date.parse(points[0].at), Date.parse(points.at(-1).at)];
  const top = Math.max(...points.flatMap((point) => [point.value ?? 0, point.expected ?? 0]), reading.target ?? 0) || 1;
  const x = (point) => (((Date.parse(point.at) - start) / (end - start)) * WIDTH).toFixed(1);
  const y = (number) => (HEIGHT - 2 - (Math.max(0, number) / top) * (HEIGHT - 4)).toFixed(1);
  const line = (name) =>
    points.filter((point) => point[name] !== null).map((point) => `${x(point)},${y(point[name])}`).join(" ");
  svg.children[0].setAttribute("points", line("expected"));
  svg.children[1].setAttribute("points", line("value"));
}

// Without the nights: from the last point at which nothing was done or due, to the first at which everything is due.
function eventful(points) {
  const isBefore = (point) => !point.value && !point.expected;
  const last = points.at(-1);
  const isAfter = (point) => point.value === null && point.expected === last.expected && last.expected !== null;
  const first = Math.max(0, points.findIndex((point) => !isBefore(point)) - 1);
  const end = points.findIndex(isAfter);
  const kept = points.slice(first, end < 0 ? points.length : end + 1);
  return kept.length > 1 ? kept : points;
}
