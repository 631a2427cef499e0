// Who belongs to what, from the catalogue.

export function subtreeOf(catalogue, team) {
  const found = new Set([team]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const other of catalogue.teams) if (found.has(other.parent)) found.add(other.id);
  }
  return found;
}

export function membersOf(catalogue, team) {
  const subtree = subtreeOf(catalogue, team);
  return catalogue.reps.filter((rep) => (rep.teams ?? [rep.team]).some((own) => subtree.has(own)));
}

// The team of the address if the viewer may see it, else the first that nobody stands above.
export function teamToShow(catalogue, wanted) {
  const { teams } = catalogue;
  if (teams.some((team) => team.id === wanted)) return wanted;
  const isTop = (team) => !teams.some((other) => other.id === team.parent);
  return (teams.find(isTop) ?? teams[0])?.id ?? null;
}

// What is asked for comes first; as many as there is room for, in the configured order.
export function kpisToShow(kpis, most, hasTarget) {
  const ranked = [...kpis.filter(hasTarget), ...kpis.filter((kpi) => !hasTarget(kpi))];
  const chosen = new Set(ranked.slice(0, most));
  return kpis.filter((kpi) => chosen.has(kpi));
}
