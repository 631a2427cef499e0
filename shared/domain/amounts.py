"""What a fact adds where a KPI sums a field: numbers, and money in the tenant's currency. Contract 4.5 and 4.8."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from shared.domain.changes import value_text
from shared.domain.exact import number
from shared.domain.facts import Fact
from shared.domain.kpis import Kpi, Unit
from shared.domain.tenant import Currencies

Amount: TypeAlias = Callable[[Fact, date], Decimal | None]
"""What a fact adds on its local day; None where it has no number, or no rate for its currency."""

cached_number = lru_cache(maxsize=65_536)(number)
"""Durations and amounts repeat; parsing one costs as much as all else that is done for a fact."""


def amount_of(kpi: Kpi, currencies: Currencies) -> Amount:
    """How a KPI reads its field."""
    field = kpi.field or ""
    if kpi.unit is Unit.MONEY:
        return Money(field, currencies)
    return lambda fact, _: cached_number(fact.fields.get(field))


class Money:
    """Amounts in the tenant's currency, by the fact's currency field and its local day."""

    def __init__(self, field: str, currencies: Currencies) -> None:
        self.field = field
        self._convert = lru_cache(maxsize=16_384)(currencies.convert)

    def __call__(self, fact: Fact, day: date) -> Decimal | None:
        """The converted amount."""
        value = cached_number(fact.fields.get(self.field))
        return None if value is None else self._convert(value, currency_of(fact), day)


def currency_of(fact: Fact) -> str | None:
    """The currency that a fact names; None is the tenant's own."""
    currency = fact.fields.get("currency")
    return None if currency is None else value_text(currency)
