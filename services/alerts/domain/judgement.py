"""Does a rule's condition hold for a reading? One verdict a reading; what follows from it is the life cycle's."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from operator import ge, gt, le, lt

from msgspec import Raw, Struct

from shared.domain.alerting import Recovery, Rule, Test
from shared.domain.episodes import NO_READING, reading_json
from shared.domain.exact import plain
from shared.domain.instants import SECOND_US, Micros
from shared.domain.pace import Status
from shared.domain.reading import Reading

SHOWN_PLACES = Decimal("0.01")
Comparison = Callable[[Decimal, Decimal], bool]


class Verdict(StrEnum):
    """What a reading says about a rule."""

    HOLDS = "condition_holds"
    CEASED = "condition_ceased"
    BETWEEN = "not_yet_recovered"
    UNKNOWN = "no_number"
    NOT_EVIDENT = "not_enough_expected"
    UNTRUSTED = "data_not_trusted"


class Judgement(Struct, frozen=True):
    """A verdict with the number it rests on; ``text`` says it in words, ``reading`` is the JSON that is kept."""

    verdict: Verdict
    text: str = ""
    pace: float | None = None
    reading: Raw = NO_READING


_TESTS: dict[Test, tuple[str, Comparison, str]] = {
    Test.PACE_BELOW: ("pace", lt, "below"),
    Test.ATTAINMENT_BELOW: ("attainment", lt, "below"),
    Test.ATTAINMENT_AT_LEAST: ("attainment", ge, "at least"),
    Test.VALUE_BELOW: ("value", lt, "below"),
    Test.VALUE_ABOVE: ("value", gt, "above"),
    Test.MISS_PROBABILITY_ABOVE: ("miss_probability", gt, "above"),
}
_RECOVERIES: dict[Recovery, tuple[str, Comparison]] = {
    Recovery.PACE_AT_LEAST: ("pace", ge),
    Recovery.ATTAINMENT_AT_LEAST: ("attainment", ge),
    Recovery.VALUE_AT_LEAST: ("value", ge),
    Recovery.VALUE_AT_MOST: ("value", le),
    Recovery.MISS_PROBABILITY_AT_MOST: ("miss_probability", le),
}


def judge(rule: Rule, reading: Reading) -> Judgement:
    """A rule's verdict on a reading of its KPI, subject and period."""
    measure, _, words = _TESTS[rule.test]
    found: Decimal | None = getattr(reading, measure)
    verdict = _verdict(rule, reading, found)
    shown = "unknown" if found is None else plain(found.quantize(SHOWN_PLACES))
    holds = "is" if verdict is Verdict.HOLDS else "is no longer"
    return Judgement(
        verdict,
        f"{measure.replace('_', ' ')} {shown} {holds} {words} {plain(rule.threshold)}",
        None if reading.pace is None else float(reading.pace),
        reading_json(reading),
    )


def _verdict(rule: Rule, reading: Reading, found: Decimal | None) -> Verdict:
    if not reading.measurable:
        return Verdict.UNTRUSTED
    if rule.min_expected > 0 and (reading.expected_to_date is None or reading.expected_to_date < rule.min_expected):
        return Verdict.NOT_EVIDENT
    if found is None:
        kept = reading.status is Status.ON_TRACK and rule.test is not Test.MISS_PROBABILITY_ABOVE
        return Verdict.CEASED if kept else Verdict.UNKNOWN
    if _TESTS[rule.test][1](found, rule.threshold):
        return Verdict.HOLDS
    return Verdict.CEASED if _has_recovered(rule, reading) else Verdict.BETWEEN


def _has_recovered(rule: Rule, reading: Reading) -> bool:
    """By default as soon as the condition no longer holds."""
    if rule.recovery is None or rule.recovery_threshold is None:
        return True
    measure, comparison = _RECOVERIES[rule.recovery]
    found: Decimal | None = getattr(reading, measure)
    return found is not None and comparison(found, rule.recovery_threshold)


def duration(length_us: Micros) -> str:
    """A length in the largest unit that divides it, as configuration writes it: ``10m``, ``2h``, ``90s``."""
    seconds = length_us // SECOND_US
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
