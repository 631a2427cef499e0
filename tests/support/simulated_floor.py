"""A small floor for the simulator's tests: three reps, a HubSpot and a native source, all hours of all days."""

from pathlib import Path

import yaml

from cli.simulate.floor import Floor, open_floor
from shared.domain.calendar import Calendar
from shared.domain.instants import Micros, parse
from shared.domain.people import Organisation, Rep, WorkingWeek
from shared.domain.sources import Source
from shared.domain.tenant import Currencies, SourceRhythm, Tenant

NOW = parse("2026-11-23T12:00:00Z")
SECRET = "hush"
PUBLIC_URL = "https://hooks.example.com/v1/webhooks/hubspot"
OWNERS = {"ana": "101", "bo": "102", "cy": "103"}
SOURCES = {
    "hubspot": Source(
        id="hubspot",
        tenant="acme",
        provider="hubspot",
        secrets=(SECRET,),
        public_url=PUBLIC_URL,
        won_stages=frozenset({"closedwon"}),
        lost_stages=frozenset({"closedlost"}),
    ),
    "native": Source(id="native", tenant="acme", provider="native", secrets=("token",)),
}


def tenant() -> Tenant:
    reps = {
        name: Rep(
            id=name,
            name=name.title(),
            zone="Europe/Berlin",
            role="sdr" if name == "ana" else None,
            identities={"hubspot": (owner,)},
        )
        for name, owner in OWNERS.items()
    }
    return Tenant(
        id="acme",
        name="Acme",
        calendar=Calendar("Europe/Berlin", WorkingWeek((((480, 1020),),) * 7)),
        currencies=Currencies("EUR"),
        organisation=Organisation({}, reps),
        kpis={},
        targets=(),
        sources={name: SourceRhythm(name, source.provider) for name, source in SOURCES.items()},
        owners={("hubspot", owner): name for name, owner in OWNERS.items()},
    )


def floor(seed: int = 1, started_at: Micros = NOW) -> Floor:
    return open_floor(tenant(), SOURCES, seed=seed, reps=3, started_at=started_at)[0]


KPIS = [
    {"id": "calls", "unit": "count", "aggregate": "count", "facts": ["call.logged"],
     "where": {"direction": "outbound", "duration_seconds": {"gte": 20}}},
    {"id": "win_rate", "unit": "ratio", "aggregate": "ratio", "numerator": "won", "denominator": "closed"},
    {"id": "won", "unit": "count", "aggregate": "count", "facts": ["deal.won"]},
    {"id": "closed", "unit": "count", "aggregate": "count", "facts": ["deal.won", "deal.lost"]},
    {"id": "revenue", "unit": "money", "aggregate": "sum", "field": "amount", "facts": ["deal.won"]},
    {"id": "held", "unit": "count", "aggregate": "count", "facts": ["meeting.held"]},
    {"id": "canceled", "unit": "count", "aggregate": "count", "facts": ["meeting.canceled"]},
    {"id": "accounts", "unit": "count", "aggregate": "distinct", "field": "account", "facts": ["call.logged"]},
    {"id": "wait", "unit": "seconds", "aggregate": "average", "field": "response_seconds", "facts": ["lead.answered"]},
    {"id": "pipeline", "unit": "money", "aggregate": "latest", "field": "amount", "facts": ["deal.open"]},
]  # fmt: skip


def write_rules(directory: Path) -> Path:
    """The YAML of the same tenant, as far as the oracle reads it."""
    reps = [{"id": name, "identities": {"hubspot": [owner]}} for name, owner in OWNERS.items()]
    contents = {
        "tenant": {"time_zone": "Europe/Berlin", "currency": "EUR", "fiscal_year_start": "04-01",
                   "fx": [{"currency": "USD", "rate": "0.92", "from": "2026-01-01"},
                          {"currency": "USD", "rate": "0.5", "from": "2026-11-21"}]},
        "people": {"reps": reps},
        "sources": {"sources": [
            {"id": "hubspot", "provider": "hubspot", "won_stages": ["closedwon"], "lost_stages": ["closedlost"]},
            {"id": "native", "provider": "native"},
        ]},
        "kpis": {"kpis": KPIS},
    }  # fmt: skip
    for name, content in contents.items():
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return directory
