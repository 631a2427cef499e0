from decimal import Decimal

import pytest
from msgspec.structs import replace

from services.api.domain.refusals import InvalidRanking
from services.api.domain.standings import Ranking, ranked, ranking_of
from shared.domain.kpis import Better
from shared.domain.reading import Reading
from tests.support.api_parts import a_reading


def order(
    *readings: Reading, by: Ranking = Ranking.VALUE, better: Better = Better.HIGHER
) -> list[tuple[int | None, str]]:
    return [(place.rank, str(place.reading.rep)) for place in ranked(readings, by, better)]


def test_the_best_comes_first() -> None:
    assert order(a_reading("ana", "3"), a_reading("ben", "9")) == [(1, "ben"), (2, "ana")]


def test_the_lowest_comes_first_where_lower_is_better() -> None:
    assert order(a_reading("ana", "9"), a_reading("ben", "3"), better=Better.LOWER) == [(1, "ben"), (2, "ana")]


def test_pace_is_always_better_higher() -> None:
    paced = (a_reading("ana", "1", "0.5"), a_reading("ben", "1", "1.5"))
    assert order(*paced, by=Ranking.PACE, better=Better.LOWER) == [(1, "ben"), (2, "ana")]


def test_equals_share_a_rank_and_the_next_one_is_skipped() -> None:
    assert order(a_reading("ana", "5"), a_reading("ben", "5"), a_reading("cy", "1")) == [
        (1, "ana"),
        (1, "ben"),
        (3, "cy"),
    ]


def test_who_has_no_score_comes_last_without_a_rank() -> None:
    assert order(a_reading("ana", None), a_reading("ben", "0")) == [(1, "ben"), (None, "ana")]


def test_improvement_compares_paces() -> None:
    before = {"ana": replace(a_reading("ana", "1"), pace=Decimal("0.5"))}
    (place,) = ranked([a_reading("ana", "1", "0.8")], Ranking.IMPROVEMENT, Better.HIGHER, before=before)
    assert place.score == Decimal("0.3")


def test_an_unknown_ranking_is_refused() -> None:
    with pytest.raises(InvalidRanking):
        ranking_of("luck")
