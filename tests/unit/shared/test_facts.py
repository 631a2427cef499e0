"""Names of facts, by which pages keep them apart."""

import pytest

from shared.domain.facts import Fact, FactName


def fact(kind: str, record: str, stage: str | None = None) -> Fact:
    return Fact(kind, 0, "native", "deal", record, "ana", {"stage": stage})


STRANGE = [
    fact("deal.stage_entered", "a", "b#stage_entered:c"),
    fact("deal.stage_entered", "a#stage_entered:b", "c"),
    fact("deal.stage_entered", "a", "x#created"),
    fact("deal.created", "a#stage_entered:x"),
    fact("deal.stage_entered", "a/b", "1:2%23"),
    fact("deal.stage_entered", "a", ""),
]


def test_no_two_facts_have_one_name_whatever_records_and_stages_are_called() -> None:
    assert len({each.id for each in STRANGE}) == len(STRANGE)


@pytest.mark.parametrize("each", STRANGE)
def test_a_name_says_what_it_was_made_of(each: Fact) -> None:
    stage = each.fields["stage"] if each.kind == "deal.stage_entered" else None
    assert FactName.parse(each.id) == FactName("native", "deal", each.record, each.kind.partition(".")[2], stage)
