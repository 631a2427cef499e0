"""What the files say, as domain values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.configuration.scalars import parse_duration, parse_times
from shared.domain.kpis import Condition, Operator
from shared.domain.people import DateSpan, Rep
from shared.domain.targets import Scope
from tests.unit.configuration.conftest import Load

TENANT = "tenant: acme\ntime_zone: Europe/Berlin\ncurrency: EUR\n"
FEED = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//acme//leave//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261201
DTEND;VALUE=DATE:20261204
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
DTSTART:20261210T090000Z
DTEND:20261210T110000Z
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTAMP:20260101T000000Z
STATUS:CANCELLED
DTSTART;VALUE=DATE:20261220
END:VEVENT
END:VCALENDAR
"""


def kpi(where: str) -> str:
    return f"kpis:\n- {{id: calls, name: C, unit: count, aggregate: count, facts: [call.logged], where: {where}}}\n"


def rep(line: str) -> str:
    return f"teams: [{{id: sdr, name: SDR}}]\nreps:\n- {{id: ana, name: Ana, role: sdr, {line}}}\n"


def without_targets(load: Load, people: str, **others: str) -> Rep:
    deployment = load(people=people, targets="targets: []\n", alerts="rules: []\n", **others)
    return deployment.tenants["acme"].organisation.reps["ana"]


def test_a_time_of_day_without_quotes_is_no_sexagesimal_number(load: Load) -> None:
    tenant = load(tenant=TENANT + "calendar:\n  working_hours: {mon: 09:00-17:30}\n").tenants["acme"]

    assert tenant.calendar.week.days == (((540, 1050),), (), (), (), (), (), ())


def test_the_country_no_is_norway(load: Load) -> None:
    tenant = load(tenant=TENANT + "calendar:\n  holidays: {country: NO}\n").tenants["acme"]

    assert date(2026, 5, 17) in tenant.calendar.closed


def test_holidays_of_the_subdivision_and_closed_days_are_closed(load: Load) -> None:
    calendar = "calendar:\n  holidays: {country: DE, subdivision: BE}\n  closed: [2026-12-24]\n"

    closed = load(tenant=TENANT + calendar).tenants["acme"].calendar.closed

    assert {date(2026, 3, 8), date(2026, 12, 24), date(2015, 1, 1), date(2040, 1, 1)} <= closed


def test_a_rate_stays_exact(load: Load) -> None:
    fx = "fx: [{currency: USD, rate: 0.920000000000000000001, from: 2026-01-01}, {currency: USD, rate: 0.9}]\n"

    rates = load(tenant=TENANT + fx).tenants["acme"].currencies.rates["USD"]

    assert [rate.rate for rate in rates] == [Decimal("0.9"), Decimal("0.920000000000000000001")]


@pytest.mark.parametrize(
    ("credit", "deal", "call"),
    [("{}", True, False), ('{"*": at_fact}', True, True), ("{deal: current}", False, False)],
)
def test_credit_is_at_the_fact_for_deals_unless_said_otherwise(load: Load, credit: str, deal: bool, call: bool) -> None:
    said = load(tenant=TENANT + f"credit: {credit}\n").tenants["acme"].credit

    assert (said.is_at_fact("deal"), said.is_at_fact("call")) == (deal, call)


def test_week_and_fiscal_year_begin_where_the_tenant_says(load: Load) -> None:
    tenant = load(tenant=TENANT + 'week_start: sunday\nfiscal_year_start: "04-01"\n').tenants["acme"]

    assert (tenant.calendar.periods.week_start, tenant.calendar.periods.fiscal_month) == (6, 4)


def test_an_owner_is_an_identity_or_the_reps_own_id_at_native_sources(load: Load) -> None:
    assert load().tenants["acme"].owners == {
        ("own", "ana"): "ana",
        ("own", "ben"): "ben",
        ("crm", "11"): "ana",
        ("crm", "12"): "ben",
    }


def test_an_identity_without_quotes_is_text(load: Load) -> None:
    assert without_targets(load, rep("identities: {crm: [0012]}")).identities == {"crm": ("0012",)}


SALESFORCE = (
    "sources:\n- {id: sf, provider: salesforce_cdc, secrets: [{env: CRM_SECRET}]}\n"
    "- {id: crm, provider: native, secrets: [{env: CRM_SECRET}]}\n"
)


def test_an_identity_at_a_salesforce_source_has_18_characters(load: Load) -> None:
    identities = "identities: {sf: [0051I000001AbCd, 0051I000001AbCdQAK, x], crm: [0051I000001AbCd]}"
    found = without_targets(load, rep(identities), sources=SALESFORCE).identities
    assert found == {"sf": ("0051I000001AbCdQAK", "x"), "crm": ("0051I000001AbCd",)}


def test_teams_are_dated_or_for_ever(load: Load) -> None:
    found = without_targets(load, rep("teams: [sdr]")).memberships

    assert [(each.team, each.span) for each in found] == [("sdr", DateSpan())]


def test_own_hours_replace_the_tenants_week(load: Load) -> None:
    week = without_targets(load, rep("working_hours: {tue: '09:00-12:00, 13:00-24:00'}")).week

    assert week is not None and week.days[1] == ((540, 720), (780, 1440)) and week.days[0] == ()


def test_a_feed_gives_whole_days_away(tmp_path: Path, load: Load) -> None:
    (tmp_path / "leave.ics").write_text(FEED)

    absences = without_targets(load, rep("absences: [{ics: {file: ../leave.ics}}]")).absences

    assert absences == (DateSpan(date(2026, 12, 1), date(2026, 12, 3)),)


def test_a_filter_keeps_what_was_written(load: Load) -> None:
    where = "{direction: outbound, done: true, seconds: {gte: 20, lt: 1e3}, stage: {in: [a, 1]}, note: {exists: false}}"

    assert load(kpis=kpi(where), targets="", alerts="").tenants["acme"].kpis["calls"].where == (
        Condition("direction", Operator.EQ, ("outbound",)),
        Condition("done", Operator.EQ, (True,)),
        Condition("seconds", Operator.GTE, ("20",)),
        Condition("seconds", Operator.LT, ("1e3",)),
        Condition("stage", Operator.IN, ("a", "1")),
        Condition("note", Operator.EXISTS, (False,)),
    )


def test_the_lines_of_the_table_come_after_those_of_the_yaml(load: Load) -> None:
    table = "kpi,period,for,id,value,from,until\ncalls,day,rep,ana,45,2026-11-01,\nwon,month,all,,3.5,,2026-12-31\n"

    targets = load(targets_csv=table).tenants["acme"].targets

    assert [(each.scope, each.id, each.value, each.order) for each in targets] == [
        (Scope.ROLE, "sdr", Decimal(60), 0),
        (Scope.REP, "ana", Decimal(45), 1),
        (Scope.ALL, "", Decimal("3.5"), 2),
    ]


def test_options_are_parsed_with_durations_in_microseconds(load: Load) -> None:
    source = (
        "sources:\n- id: crm\n  provider: hubspot\n  public_url: https://x.example/h\n  secrets: [{env: CRM_SECRET}]\n"
    )

    found = load(sources=source + "  options: {allow_legacy_v1: true, tolerance: 2m}\n").sources["crm"]

    assert found.options == {"allow_legacy_v1": True, "tolerance": 120_000_000}


def test_a_secret_in_a_file_loses_its_line_end(tmp_path: Path, load: Load) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    source = "sources:\n- {id: crm, provider: native, secrets: [{file: ../secret}, {env: NATIVE_TOKEN}]}\n"

    assert load(sources=source).sources["crm"].secrets == ("s3cret", "t0ken")


def test_without_access_yaml_there_are_no_keys(load: Load) -> None:
    assert load().keys is None


def test_access_yaml_without_keys_lets_nobody_in(load: Load) -> None:
    assert load(access="keys: []\n").keys == ()


@given(st.integers(0, 999_999_999), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]))
def test_a_duration_is_its_number_times_its_unit(count: int, unit: tuple[str, int]) -> None:
    assert parse_duration(f"{count}{unit[0]}") == count * unit[1] * 1_000_000


@given(st.lists(st.integers(0, 1440), min_size=2, max_size=8, unique=True))
def test_times_of_day_come_back_sorted_and_apart(minutes: list[int]) -> None:
    bounds = sorted(minutes[: len(minutes) // 2 * 2])
    spans = tuple(zip(bounds[::2], bounds[1::2], strict=True))
    text = ", ".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in reversed(spans))

    assert parse_times(text) == spans
