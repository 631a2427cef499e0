"""Instants as integers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instants import from_datetime, parse, text, to_datetime


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_survives_text(moment: datetime) -> None:
    instant = from_datetime(moment)
    assert to_datetime(instant) == moment
    assert parse(text(instant)) == instant


@pytest.mark.parametrize(
    ("given_text", "same_as"),
    [
        ("2026-11-23T10:30:00+01:00", "2026-11-23T09:30:00Z"),
        ("2026-11-23t09:30:00z", "2026-11-23T09:30:00Z"),
        ("2026-11-23T09:30:00.1234569Z", "2026-11-23T09:30:00.123456Z"),
        ("2026-11-23T09:30:00-00:00", "2026-11-23T09:30:00Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
    ],
)
def test_rfc_3339_is_understood(given_text: str, same_as: str) -> None:
    assert parse(given_text) == parse(same_as)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "2026-11-23",
        "2026-11-23T09:30:00",
        "2026-13-01T00:00:00Z",
        "2026-11-23T25:00:00Z",
        "2026-11-23T09:30:00+99:00",
        "1763888400",
        "2026-11-23T09:30:00Z ",
        "２０２６-11-23T09:30:00Z",
    ],
)
def test_what_names_no_instant_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(wrong)


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        from_datetime(datetime(2026, 11, 23))  # noqa: DTZ001 - the naive one is the point
