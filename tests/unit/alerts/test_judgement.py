from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from services.alerts.domain.judgement import Verdict, duration, judge
from shared.domain.alerting import Recovery, Test
from shared.domain.pace import Status
from tests.support.alerts_fakes import HOUR_US, MINUTE_US, reading, rule


@pytest.mark.parametrize(
    ("test", "threshold", "changes"),
    [
        (Test.PACE_BELOW, "0.8", {"pace": "0.79"}),
        (Test.ATTAINMENT_BELOW, "0.5", {"attainment": "0.49"}),
        (Test.ATTAINMENT_AT_LEAST, "1", {"attainment": "1"}),
        (Test.VALUE_BELOW, "10", {"value": "9"}),
        (Test.VALUE_ABOVE, "8", {"value": "9"}),
        (Test.MISS_PROBABILITY_ABOVE, "0.7", {"miss_probability": "0.700001"}),
    ],
)
def test_each_condition_holds_on_its_own_measure(test: Test, threshold: str, changes: dict[str, str]) -> None:
    judged = judge(rule(test=test, threshold=Decimal(threshold)), reading(**changes))
    assert judged.verdict is Verdict.HOLDS


def test_a_pace_at_the_threshold_is_not_below_it() -> None:
    assert judge(rule(), reading(pace="0.8")).verdict is Verdict.CEASED


LIKELY = rule(test=Test.MISS_PROBABILITY_ABOVE, threshold=Decimal("0.7"))


def test_a_miss_that_nobody_can_foresee_is_not_judged_though_the_pace_is_right() -> None:
    assert judge(LIKELY, reading(miss_probability=None, status=Status.ON_TRACK)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("probability", "verdict"), [("0.6", Verdict.BETWEEN), ("0.5", Verdict.CEASED), ("0.7", Verdict.BETWEEN)]
)
def test_a_likely_miss_recovers_by_its_own_measure(probability: str, verdict: Verdict) -> None:
    sticky = replace(LIKELY, recovery=Recovery.MISS_PROBABILITY_AT_MOST, recovery_threshold=Decimal("0.5"))
    assert judge(sticky, reading(miss_probability=probability)).verdict is verdict


def test_a_likely_miss_is_told_in_words() -> None:
    assert judge(LIKELY, reading(miss_probability="0.85")).text == "miss probability 0.85 is above 0.7"


def test_between_the_threshold_and_the_recovery_nothing_is_decided() -> None:
    sticky = rule(recovery=Recovery.PACE_AT_LEAST, recovery_threshold=Decimal("0.9"))
    assert judge(sticky, reading(pace="0.85")).verdict is Verdict.BETWEEN


def test_the_recovery_threshold_itself_is_recovered() -> None:
    sticky = rule(recovery=Recovery.PACE_AT_LEAST, recovery_threshold=Decimal("0.9"))
    assert judge(sticky, reading(pace="0.9")).verdict is Verdict.CEASED


def test_nothing_is_judged_before_enough_is_expected() -> None:
    assert judge(rule(min_expected=Decimal(16)), reading(expected_to_date="15")).verdict is Verdict.NOT_EVIDENT


def test_enough_expected_is_judged() -> None:
    assert judge(rule(min_expected=Decimal(15)), reading(expected_to_date="15")).verdict is Verdict.HOLDS


def test_a_reading_without_a_target_has_no_pace_to_judge() -> None:
    assert judge(rule(), reading(pace=None, status=Status.NO_TARGET)).verdict is Verdict.UNKNOWN


def test_a_ceiling_that_nothing_was_counted_against_is_kept() -> None:
    assert judge(rule(), reading(value="0", pace=None, status=Status.ON_TRACK)).verdict is Verdict.CEASED


def test_data_that_cannot_be_trusted_are_not_judged() -> None:
    assert judge(rule(), reading(measurable=False)).verdict is Verdict.UNTRUSTED


def test_the_verdict_says_itself_in_words() -> None:
    assert judge(rule(), reading(pace="0.618182")).text == "pace 0.62 is below 0.8"


def test_a_ceased_condition_says_so_in_words() -> None:
    assert judge(rule(), reading(pace="0.93")).text == "pace 0.93 is no longer below 0.8"


def test_the_reading_is_kept_with_numbers_as_json_numbers() -> None:
    assert msgspec.json.decode(judge(rule(), reading(pace="0.6")).reading)["pace"] == 0.6


@pytest.mark.parametrize(
    ("length_us", "text"), [(10 * MINUTE_US, "10m"), (2 * HOUR_US, "2h"), (90_000_000, "90s"), (0, "0s")]
)
def test_a_length_is_written_as_in_the_configuration(length_us: int, text: str) -> None:
    assert duration(length_us) == text
