from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.alerts.domain.notifications import (
    GIVE_UP_AFTER_US,
    REFUSALS_ALLOWED,
    Group,
    News,
    Notification,
    NotifyReason,
    Outcome,
    Told,
    after_failure,
    delivered,
    news,
    notification_id,
    pause,
)
from services.alerts.domain.routing import GroupRoute
from shared.domain.episodes import Episode, EpisodeState, acknowledge, snooze
from tests.support.alerts_fakes import HOUR_US, MINUTE_US, SECOND_US, T0, episode

OPS = Group(route=GroupRoute(key="ops|ep_1", receiver="ops", labels={}, repeat_us=4 * HOUR_US))
TOLD = replace(OPS, told={"ep_1": Told(EpisodeState.FIRING, T0)})
RESOLVED = episode(state=EpisodeState.RESOLVED, resolved_at=T0 + 1)


def sent(found: News, group: Group = OPS) -> Notification:
    return Notification(
        id=notification_id("acme", group, found),
        state=found.state,
        reason=found.reason,
        body="{}",
        episodes=tuple(each.id for each in found.episodes),
        created_at=T0,
    )


def test_a_new_alert_is_news() -> None:
    assert news(OPS, [episode()], T0).reason is NotifyReason.FIRST


def test_only_what_is_new_is_said() -> None:
    found = news(TOLD, [episode(), episode(id="ep_2")], T0 + 1)
    assert [each.id for each in found.episodes] == ["ep_2"]


def test_what_was_said_is_not_said_again() -> None:
    assert news(TOLD, [episode()], T0 + HOUR_US).reason is NotifyReason.NOT_DUE


def test_the_next_look_is_at_the_repeat() -> None:
    assert news(TOLD, [episode()], T0 + HOUR_US).due_at == T0 + 4 * HOUR_US


def test_it_is_repeated_after_the_interval() -> None:
    assert news(TOLD, [episode()], T0 + 4 * HOUR_US).reason is NotifyReason.REPEAT


def test_without_an_interval_nothing_repeats() -> None:
    silent = replace(TOLD, route=replace(TOLD.route, repeat_us=None))
    assert news(silent, [episode()], T0 + 40 * HOUR_US) == News(NotifyReason.NOT_DUE)


def test_an_acknowledged_alert_does_not_repeat() -> None:
    assert news(TOLD, [acknowledge(episode(), by="bea", now=T0)], T0 + 5 * HOUR_US) == News(NotifyReason.NOT_DUE)


def test_a_worse_alert_is_said_again() -> None:
    assert news(TOLD, [episode(renotify_at=T0 + 5)], T0 + 5).reason is NotifyReason.AGAIN


def test_a_snoozed_alert_is_silent_until_then() -> None:
    quiet = snooze(episode(), T0 + HOUR_US, by="bea", now=T0)
    assert news(TOLD, [quiet], T0 + 9) == News(NotifyReason.NOT_DUE, due_at=T0 + HOUR_US)


def test_a_snoozed_alert_that_still_fires_is_said_again() -> None:
    quiet = snooze(episode(), T0 + HOUR_US, by="bea", now=T0)
    assert news(TOLD, [quiet], T0 + HOUR_US).reason is NotifyReason.AGAIN


def test_the_all_clear_goes_to_whom_the_alert_went() -> None:
    assert news(TOLD, [RESOLVED], T0 + 1).reason is NotifyReason.RESOLVED


def test_no_all_clear_for_what_was_never_told() -> None:
    assert news(OPS, [RESOLVED], T0 + 1).reason is NotifyReason.NOTHING_LEFT


def test_after_the_all_clear_nothing_is_left() -> None:
    over = replace(TOLD, sending=sent(news(TOLD, [RESOLVED], T0 + 1)))
    assert news(delivered(over, T0 + 2), [RESOLVED], T0 + 2).reason is NotifyReason.NOTHING_LEFT


def test_different_news_have_different_ids() -> None:
    first, last = news(OPS, [episode()], T0), news(TOLD, [RESOLVED], T0 + 1)
    assert notification_id("acme", OPS, first) != notification_id("acme", TOLD, last)


def test_a_receiver_that_refuses_is_given_up_after_some_tries() -> None:
    refused = replace(sent(news(OPS, [episode()], T0)), refusals=REFUSALS_ALLOWED - 1)
    assert after_failure(refused, Outcome.REFUSED, T0)[1] is Outcome.GIVEN_UP


def test_a_receiver_that_is_away_is_asked_again() -> None:
    tried = replace(sent(news(OPS, [episode()], T0)), attempts=50)
    assert after_failure(tried, Outcome.UNREACHABLE, T0 + HOUR_US)[1] is Outcome.UNREACHABLE


def test_news_of_three_days_ago_are_given_up() -> None:
    old = sent(news(OPS, [episode()], T0))
    assert after_failure(old, Outcome.UNREACHABLE, T0 + GIVE_UP_AFTER_US)[1] is Outcome.GIVEN_UP


def test_pauses_double_up_to_five_minutes() -> None:
    assert [pause(n) // SECOND_US for n in (1, 2, 3, 9, 400)] == [2, 4, 8, 300, 300]


@given(st.lists(st.sampled_from(["look", "wait", "resolve"]), max_size=30))
def test_no_transition_is_announced_twice(steps: list[str]) -> None:
    group, known, now = replace(OPS, route=replace(OPS.route, repeat_us=None)), episode(), T0
    said: list[tuple[str, str]] = []
    for each in steps:
        now += MINUTE_US if each == "wait" else 1
        known = _resolve(known) if each == "resolve" else known
        found = news(group, [known], now)
        if found.episodes:
            said += [(episode.id, found.state) for episode in found.episodes]
            group = delivered(replace(group, sending=sent(found, group)), now)
    assert len(said) == len(set(said))


def _resolve(known: Episode) -> Episode:
    return replace(known, state=EpisodeState.RESOLVED)
