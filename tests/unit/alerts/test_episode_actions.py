import pytest

from shared.contracts.episodes import decode_episode, encode_episode, episode_view
from shared.domain.episodes import (
    Action,
    EpisodeState,
    NotOpen,
    acknowledge,
    assign,
    comment,
    resolve_by_hand,
    snooze,
)
from tests.support.alerts_fakes import HOUR_US, T0, episode

RESOLVED = episode(state=EpisodeState.RESOLVED)


def test_an_acknowledgement_says_by_whom() -> None:
    known = acknowledge(episode(), by="bea", now=T0)
    assert (known.acknowledged_by, known.history[-1].action) == ("bea", Action.ACKNOWLEDGED)


def test_a_snooze_ends_with_another_word() -> None:
    known = snooze(episode(), T0 + HOUR_US, by="bea", now=T0)
    assert (known.snoozed_until, known.renotify_at) == (T0 + HOUR_US, T0 + HOUR_US)


def test_an_assignment_says_to_whom() -> None:
    assert assign(episode(), "carl", by="bea", now=T0).assigned_to == "carl"


def test_every_action_is_a_new_version() -> None:
    assert comment(episode(version=3), "called her", by="bea", now=T0).version == 4


def test_resolved_by_hand_waits_for_a_recovery() -> None:
    known = resolve_by_hand(episode(), "on leave", by="bea", now=T0)
    assert (known.state, known.until_recovered) == (EpisodeState.RESOLVED, True)


def test_what_is_over_can_be_commented_on() -> None:
    assert comment(RESOLVED, "she was ill", by="bea", now=T0).history[-1].reason == "she was ill"


def test_what_is_over_cannot_be_acknowledged() -> None:
    with pytest.raises(NotOpen):
        acknowledge(RESOLVED, by="bea", now=T0)


def test_an_episode_survives_its_codec() -> None:
    known = snooze(acknowledge(episode(), by="bea", now=T0), T0 + 1, by="bea", now=T0)
    assert decode_episode(encode_episode(known)) == known


def test_people_see_instants_as_text_and_the_history_in_order() -> None:
    view = episode_view(acknowledge(episode(), by="bea", now=T0), "http://board")
    assert (view["started_at"], view["url"], view["history"]) == (
        "2026-11-23T10:00:00Z",
        "http://board/?alert=ep_1",
        [{"at": "2026-11-23T10:00:00Z", "action": "acknowledged", "by": "bea", "reason": ""}],
    )
