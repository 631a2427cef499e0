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
  const [start, end] = [Date.parse(trend.period.start), Date.parse(trend.period.end)];
  const numbers = trend.points.flatMap((point) => [point.value ?? 0, point.expected ?? 0]);
  const top = Math.max(...numbers, reading.target ?? 0) || 1;
  const x = (point) => (((Date.parse(point.at) - start) / (end - start)) * WIDTH).toFixed(1);
  const y = (number) => (HEIGHT - 2 - (Math.max(0, number) / top) * (HEIGHT - 4)).toFixed(1);
  const known = trend.points.filter((point) => point.value !== null);
  const line = (points, name) => points.map((point) => `${x(point)},${y(point[name] ?? 0)}`).join(" ");
  svg.children[0].setAttribute("points", line(trend.points.filter((p) => p.expected !== null), "expected"));
  svg.children[1].setAttribute("points", line(known, "value"));
}
