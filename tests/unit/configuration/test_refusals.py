"""Every refusal with its file, its line and what it says."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import pytest

from tests.unit.configuration.conftest import Problems

TENANT = "tenant: acme\ntime_zone: Europe/Berlin\ncurrency: EUR\n"
KPI = "kpis:\n- {id: calls, name: Calls, unit: count, aggregate: count, facts: [call.logged]}\n"
VERSION = "- {id: calls, effective: 2026-07-01, name: Calls, unit: count, aggregate: count, facts: [call.logged]}\n"
RATIO_OF_CALLS = "- {id: rate, name: Rate, unit: ratio, aggregate: ratio, numerator: calls, denominator: calls}\n"
SOURCE = "sources:\n- id: crm\n  provider: native\n  secrets: [{env: CRM_SECRET}]\n"
OPS = "receivers:\n- {id: ops, type: webhook, url: {env: OPS_URL}, secret: {env: OPS_SECRET}}\n"
RULE = "rules:\n- id: behind\n  kpi: calls\n  period: day\n  when: {pace_below: 0.8}\n"


def kpi(*lines: str) -> str:
    return KPI + "- id: other\n  name: Other\n  unit: count\n" + "".join(f"  {line}\n" for line in lines)


def people(*lines: str) -> str:
    teams = "teams: [{id: emea, name: EMEA}, {id: sdr, name: SDR}]\nreps:\n- {id: ben, name: Ben, role: ae, identities: {crm: ['12']}}\n"
    return teams + "- id: ana\n  name: Ana\n  role: sdr\n" + "".join(f"  {line}\n" for line in lines)


def target(line: str) -> str:
    return f"targets:\n- {{kpi: calls, period: day, for: all, value: 9}}\n- {line}\n"


CASES = [
    # tenant.yaml
    ("tenant", "tenant: acme\ncurrency: EUR\n", 1, "`time_zone` is missing. Add it"),
    ("tenant", "tenant: acme\ntime_zone: Europe/Atlantis\ncurrency: EUR\n", 2, "is no time zone. Write an IANA name"),
    ("tenant", TENANT + "week_start: someday\n", 4, "Use one of: monday"),
    ("tenant", TENANT + 'fiscal_year_start: "04-15"\n', 4, "Write the first of a month"),
    ("tenant", TENANT + "retention_days: 0\n", 4, "`retention_days`"),
    ("tenant", TENANT + "credit:\n  deal: whoever\n", 5, "`credit.deal`"),
    ("tenant", TENANT + "curency: USD\n", 4, "unknown key `curency`. Did you mean `currency`?"),
    ("tenant", TENANT + "name: Acme\nname: Acme\n", 5, "the key `name` is there twice"),
    ("tenant", TENANT + "name: [\n", 5, "this is not valid YAML"),
    ("tenant", TENANT + "name: !!python/name:os.system x\n", 4, "is not supported. Remove it"),
    ("tenant", TENANT + "fx:\n- {currency: EUR, rate: 1, from: 2026-01-01}\n", 5, "is the tenant's own currency"),
    ("tenant", TENANT + "fx:\n- {currency: USD, rate: 0}\n", 5, "Write a number above 0"),
    ("tenant", TENANT + "fx:\n- {currency: USD, rate: 1}\n- {currency: USD, rate: 2}\n", 6, "has two rates"),
    ("tenant", TENANT + "fx:\n- {currency: USD, rate: 1, from: 2026-02-30}\n", 5, "is no date. Write it as 2026-01-31"),
    ("tenant", TENANT + "calendar:\n  holidays: {country: ZZ}\n", 5, "no holidays are known for `ZZ`"),
    ("tenant", TENANT + "calendar:\n  holidays: {country: DE, subdivision: QQ}\n", 5, "no holidays are known for `DE/QQ`"),
    ("tenant", TENANT + 'calendar:\n  working_hours:\n    mon: "9-17"\n', 6, "are no times of day"),
    ("tenant", TENANT + 'calendar:\n  working_hours:\n    mon: "09:00-24:30"\n', 6, "are no times of day"),
    ("tenant", TENANT + 'calendar:\n  working_hours:\n    mon: "09:00-12:00, 11:00-13:00"\n', 6, "overlap"),
    ("tenant", TENANT + 'calendar:\n  working_hours: {mo: "09:00-17:00"}\n', 5, "`mo` is no day"),
    # sources.yaml
    ("sources", "sources:\n- id: crm\n  provider: native\n  secrets: [abc]\n", 4, "Write {env: NAME} or {file: PATH}"),
    ("sources", "sources:\n- id: crm\n  provider: native\n  secrets: [{env: NOT_SET}]\n", 4, "`NOT_SET` is not set"),
    ("sources", "sources:\n- id: crm\n  provider: native\n  secrets: [{file: gone}]\n", 4, "cannot be read"),
    ("sources", "sources:\n- id: crm\n  provider: native\n", 2, "`secrets` is missing"),
    ("sources", "sources:\n- id: crm\n  provider: fax\n  secrets: [{env: CRM_SECRET}]\n", 3, "Use one of: hubspot, salesforce_outbound_message"),
    ("sources", "sources:\n- id: crm\n  provider: hubspot\n  secrets: [{env: CRM_SECRET}]\n", 2, "`public_url` of `crm`"),
    ("sources", SOURCE + "  public_url: https://x.example/?a=1\n", 5, "Write it without"),
    ("sources", SOURCE + "  expect_every: 15 minutes\n", 5, "is no duration. Write it as 90s"),
    ("sources", SOURCE + "  limits: {burst: 0}\n", 5, "`sources.limits.burst`"),
    ("sources", SOURCE + "  options:\n    allow_legacy_v1: true\n", 6, "unknown key `allow_legacy_v1`"),
    ("sources", SOURCE + "  won_stages: [a]\n  lost_stages: [a]\n", 6, "the stage `a` is won and lost"),
    ("sources", SOURCE + "- id: crm\n  provider: native\n  secrets: [{env: CRM_SECRET}]\n", 5, "`crm` is taken (line 2)"),
    ("sources", "sources:\n- id: crm\n  provider: native\n  secrets: []\n", 4, "`sources.secrets` is empty"),
    ("sources", "sources:\n- id: crm\n  provider: native\n  secrets: [{env: null}]\n", 4, "a secret has one place"),
    ("sources", "sources: null\n", 1, "`sources` must be a list, not nothing"),
    # people.yaml
    ("people", people("teams: [apac]"), 7, "there is no team `apac`"),
    ("people", people("teams: [{id: sdr, from: 2026-02-01, until: 2026-01-01}]"), 7, "ends before it begins"),
    ("people", people("teams:", "- sdr", "- sdr"), 9, "in the team `sdr` twice at a time"),
    ("people", people("time_zone: Madrid"), 7, "is no time zone"),
    ("people", people("hired: 5. Mai"), 7, "is no date"),
    ("people", people("identities: {fax: ['11']}"), 7, "there is no source `fax`"),
    ("people", people("identities:", "  crm: ['12']"), 8, "is that of `ben`. Give it to one of them"),
    ("people", people("identities:", "  own: [ben]"), 8, "is that of `ben`. Give it to one of them"),
    ("people", people("absences: [{from: 2026-12-01}]"), 7, "needs both `from` and `to`"),
    ("people", people("absences: [{from: 2026-12-02, to: 2026-12-01}]"), 7, "ends before it begins"),
    ("people", people("absences: [{}]"), 7, "an absence is either days or a feed"),
    ("people", people("absences: [{ics: {env: CRM_SECRET}}]"), 7, "the feed is no calendar"),
    ("people", people("- {id: ben, name: Ben}").replace("\n  - ", "\n- "), 7, "`ben` is taken (line 3)"),
    ("people", "teams:\n- {id: a, name: A, parent: b}\n- {id: b, name: B, parent: a}\n", 2, "is its own parent: a -> b -> a"),
    ("people", "teams:\n- {id: a, name: A, parent: b}\n", 2, "there is no team `b`"),
    # kpis.yaml
    ("kpis", kpi("aggregate: percentile", "facts: [x.y]", "field: a"), 3, "which percentile? Add such as `percentile: 90`"),
    ("kpis", kpi("aggregate: percentile", "facts: [x.y]", "field: a", "percentile: 0"), 9, "Write a number above 0 and up to 100"),
    ("kpis", kpi("aggregate: percentile", "facts: [x.y]", "field: a", "percentile: 100.1"), 9, "Write a number above 0 and up to 100"),
    ("kpis", kpi("aggregate: maximum", "facts: [x.y]", "field: a", "percentile: 9"), 9, "`maximum` reads no percentile. Remove it"),
    ("kpis", kpi("aggregate: minimum", "facts: [x.y]"), 3, "`minimum` needs `field`"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "effective: July"), 8, "is no date. Write it as 2026-01-31"),
    ("kpis", KPI + VERSION + VERSION, 4, "`calls` has a version of 2026-07-01 (line 3). Choose another day"),
    ("kpis", KPI + VERSION + KPI.removeprefix("kpis:\n"), 4, "the id `calls` is taken (line 2). Choose another id, or say since when"),
    ("kpis", KPI + RATIO_OF_CALLS + VERSION.replace("count, facts: [call.logged]", "ratio, numerator: calls, denominator: calls"), 3, "`calls` is a ratio itself"),
    ("kpis", kpi("aggregate: count"), 3, "`count` needs `facts`"),
    ("kpis", kpi("aggregate: sum", "facts: [deal.won]"), 3, "`sum` needs `field`"),
    ("kpis", kpi("aggregate: distinct", "facts: [deal.won]"), 3, "`distinct` needs `field`"),
    ("kpis", kpi("aggregate: ratio", "numerator: calls"), 3, "a ratio needs `denominator`"),
    ("kpis", kpi("aggregate: ratio", "numerator: calls", "denominator: cals"), 8, "Did you mean `calls`?"),
    ("kpis", kpi("aggregate: ratio", "numerator: calls", "denominator: other"), 8, "`other` is a ratio itself"),
    ("kpis", kpi("aggregate: count", "facts: [Deal won]"), 7, "Write a kind of fact such as call.logged"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "periods: [fortnight]"), 8, "is no period"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "periods: ['rolling:7d']"), 8, "`rolling:7d` can be read without being listed"),
    ("targets", target("{kpi: calls, period: 'rolling:7d', for: all, value: 9}"), 3, "targets and alerts are of calendar periods"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "where: {a: {like: b}}"), 8, "compares nothing"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "where: {a: {gte: many}}"), 8, "is no number"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "where: {a: {in: b}}"), 8, "compares with a list"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "where: {a: {exists: 1}}"), 8, "either true or false"),
    ("kpis", kpi("aggregate: count", "facts: [x.y]", "where: {rep: ana}"), 8, "`rep` is not among"),
    ("kpis", KPI + KPI.splitlines()[1] + "\n", 3, "`calls` is taken (line 2)"),
    # targets.yaml
    ("targets", target("{kpi: cals, period: day, for: all, value: 1}"), 3, "there is no KPI `cals`. Did you mean `calls`?"),
    ("targets", target("{kpi: calls, period: year, for: all, value: 1}"), 3, "lists the periods day, week, month"),
    ("targets", target("{kpi: calls, period: day, for: {role: csm}, value: 1}"), 3, "there is no role `csm`"),
    ("targets", target("{kpi: calls, period: day, for: {team: apac}, value: 1}"), 3, "there is no team `apac`"),
    ("targets", target("{kpi: calls, period: day, for: {team_total: apac}, value: 1}"), 3, "there is no team `apac`"),
    ("targets", target("{kpi: calls, period: day, for: {rep: eve}, value: 1}"), 3, "there is no rep `eve`"),
    ("targets", target("{kpi: calls, period: day, for: everybody, value: 1}"), 3, "is nobody. Write all"),
    ("targets", target("{kpi: calls, period: day, for: all, value: -1}"), 3, "Write 0 or more"),
    ("targets", target("{kpi: calls, period: day, for: all, value: NaN}"), 3, "is no number"),
    ("targets", target("{kpi: calls, period: day, for: all, value: 1, seasonality: {13: 2}}"), 3, "months from 1 to 12"),
    ("targets", target("{kpi: calls, period: day, for: all, value: 1, from: 2026-02-01, until: 2026-01-01}"), 3, "ends before"),
    ("targets_csv", "kpi,period,value\n", 1, "Use kpi,period,for,id,value,from,until"),
    ("targets_csv", "kpi,period,for,id,value\ncalls,day,rep,eve,3\n", 2, "there is no rep `eve`"),
    ("targets_csv", "kpi,period,for,id,value\ncalls,day,all,,3\ncalls,day,all\n", 3, "has not 5 cells"),
    # alerts.yaml
    ("alerts", "receivers:\n- {id: a, type: apprise, url: {env: OPS_URL}}\n", 2, "`apprise` is not supported yet"),
    ("alerts", "receivers:\n- {id: a, type: webhook, url: ftp://x, secret: {env: OPS_SECRET}}\n", 2, "is no address"),
    ("alerts", "receivers:\n- {id: a, type: webhook, url: {env: CRM_SECRET}, secret: {env: OPS_SECRET}}\n", 2, "no http(s) URL"),
    ("alerts", OPS + "routes:\n- receivers: [pager]\n", 4, "there is no receiver `pager`"),
    ("alerts", OPS + "routes:\n- {match: {severity: critical}, receivers: [ops]}\n", 4, "must match everything"),
    ("alerts", OPS + "routes:\n- {receivers: [ops]}\n- {receivers: [ops]}\n", 4, "Move it to the end"),
    ("alerts", OPS + "routes:\n- {receivers: [ops], group_by: [mood]}\n", 4, "Use one of: rule, kpi"),
    ("alerts", OPS + "routes:\n- {match: {rule: x}, receivers: [ops]}\n- {receivers: [ops]}\n", 4, "there is no rule `x`"),
    ("alerts", RULE + "  escalate: [{after: 30m, to: ops}]\n", 6, "is not supported yet"),
    ("alerts", RULE + "  select: {role: csm}\n", 6, "there is no role `csm`"),
    ("alerts", RULE + "  for_each: team\n  select: {rep: ana}\n", 7, "judges teams"),
    ("alerts", RULE + "  recover: {pace_at_least: 0.7}\n", 6, "Move it to the good side"),
    ("alerts", RULE.replace("pace_below: 0.8", "miss_probability_above: 70"), 5, "70 is no probability. Write a number from 0 to 1"),
    ("alerts", RULE.replace("pace_below: 0.8", "miss_probability_above: 0.7") + "  recover: {miss_probability_at_most: 0.8}\n", 6, "Move it to the good side"),
    ("alerts", RULE + "  recover: {miss_probability_at_most: -1}\n", 6, "-1 is no probability"),
    ("alerts", RULE + "  severity: fatal\n", 6, "Use one of: info, warning, critical"),
    ("alerts", RULE + "  hold: 10\n", 6, "is no duration"),
    ("alerts", RULE.replace("pace_below: 0.8", "silent_for: 2h"), 5, "`silent_for` is not supported yet"),
    ("alerts", RULE.replace("0.8}", "0.8, value_below: 3}"), 5, "exactly one test is needed"),
    ("alerts", RULE.replace("period: day", "period: quarter"), 4, "lists the periods"),
    ("alerts", RULE.replace("id: behind", "id: source-out"), 2, "the rule of data incidents"),
    ("alerts", RULE + RULE.removeprefix("rules:\n"), 6, "`behind` is taken (line 2)"),
    # access.yaml
    ("access", "keys:\n- {id: a, sha256: abc, role: admin}\n", 2, "Make a key with `pacer token create`"),
    ("access", f"keys:\n- {{id: a, sha256: {'0' * 64}, role: rep}}\n", 2, "Add `rep: ID`"),
    ("access", f"keys:\n- {{id: a, sha256: {'0' * 64}, role: rep, rep: eve}}\n", 2, "there is no rep `eve`"),
    ("access", f"keys:\n- {{id: a, sha256: {'0' * 64}, role: manager, team: apac}}\n", 2, "there is no team `apac`"),
    ("access", f"keys:\n- {{id: a, sha256: {'0' * 64}, role: boss}}\n", 2, "Use one of: admin"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "line", "message"), CASES, ids=[case[3] for case in CASES])
def test_it_is_refused_with_file_line_and_remedy(
    problems: Problems, name: str, text: str, line: int, message: str
) -> None:
    file = name.replace("_", ".") if "_" in name else f"{name}.yaml"

    found = problems(**{name: text})

    assert any((where, at) == (file, line) and message in told for where, at, told in found), found


def test_an_owner_of_salesforce_is_the_same_in_either_length(problems: Problems) -> None:
    sources = SOURCE.replace("native", "salesforce_cdc")
    identities = people("identities: {crm: [0051I000001AbCdQAK]}").replace("'12'", "0051I000001AbCd")
    assert any("is that of `ben`" in told for _, _, told in problems(sources=sources, people=identities))


def test_what_is_no_count_has_no_miss_probability_to_test(problems: Problems) -> None:
    kpis = "kpis:\n- {id: talk, name: Talk, unit: seconds, aggregate: average, field: s, facts: [call.logged]}\n"
    rules = RULE.replace("calls", "talk").replace("pace_below: 0.8", "miss_probability_above: 0.7")
    ((file, line, message),) = problems(kpis=kpis, alerts=rules, targets="")
    assert (file, line) == ("alerts.yaml", 5)
    assert message.startswith("`talk` is no count")
