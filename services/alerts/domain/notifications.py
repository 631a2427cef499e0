"""What a group has to say, and when: first news, repeats, all-clears. Pure; one notification at a time, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from services.alerts.domain.routing import GroupRoute
from shared.domain.episodes import Action, Episode, EpisodeState
from shared.domain.instants import SECOND_US, Micros

FIRST_PAUSE_US = 2 * SECOND_US
LONGEST_PAUSE_US = 300 * SECOND_US
REFUSALS_ALLOWED = 5
"""A receiver that refuses (4xx) is asked again a few times, as people mend receivers; then it is given up."""
GIVE_UP_AFTER_US = 3 * 86_400 * SECOND_US
"""An unreachable receiver gets no news older than this: by then it is history."""


class NotifyReason(StrEnum):
    """Why a group speaks or keeps silent."""

    FIRST = "first_notification"
    AGAIN = "worse_or_no_longer_snoozed"
    REPEAT = "repeat_interval_elapsed"
    RESOLVED = "resolved"
    NOT_DUE = "not_due"
    NOTHING_LEFT = "nothing_left"


class Outcome(StrEnum):
    """How one delivery went; also the metric's label."""

    DELIVERED = "delivered"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


class Told(Struct, frozen=True):
    """What the receiver was last told of an episode, and when."""

    state: EpisodeState
    at: Micros


class Notification(Struct, frozen=True, kw_only=True):
    """One message to one receiver; id and ``body`` stay the same in every attempt."""

    id: str
    state: EpisodeState
    reason: NotifyReason
    body: str
    episodes: tuple[str, ...]
    created_at: Micros
    attempts: int = 0
    refusals: int = 0


class Group(Struct, frozen=True, kw_only=True):
    """A receiver's group: what it was told, and the notification that is on its way. ``version`` fences changes."""

    route: GroupRoute
    told: Mapping[str, Told] = {}
    sending: Notification | None = None
    version: int = 0


class News(Struct, frozen=True):
    """What a group should say now; no episodes: nothing, look again at ``due_at`` (None: when something changes)."""

    reason: NotifyReason
    episodes: tuple[Episode, ...] = ()
    state: EpisodeState = EpisodeState.FIRING
    due_at: Micros | None = None


def news(group: Group, members: Iterable[Episode], now: Micros) -> News:
    """New alerts go first, then repeats, then all-clears for what the receiver was told of."""
    known = sorted(members, key=lambda episode: (episode.started_at, episode.id))
    firing = [episode for episode in known if episode.state is EpisodeState.FIRING and not _snoozed(episode, now)]
    for reason in (NotifyReason.FIRST, NotifyReason.AGAIN, NotifyReason.REPEAT):
        if found := tuple(episode for episode in firing if _is_due(reason, episode, group, now)):
            return News(reason, found)
    over = tuple(e for e in known if e.state is EpisodeState.RESOLVED and e.id in group.told)
    if over:
        return News(NotifyReason.RESOLVED, over, EpisodeState.RESOLVED)
    if not any(episode.is_open for episode in known):
        return News(NotifyReason.NOTHING_LEFT)
    return News(NotifyReason.NOT_DUE, due_at=_next_look(group, known, now))


def notification_id(tenant: str, group: Group, found: News) -> str:
    """Deterministic in what is said and what made it due, not in how it is kept.

    Whoever has to say it, even after the store forgot that it was said, writes the same id.
    """
    said = "/".join(f"{episode.id}@{_occasion(found.reason, episode, group)}" for episode in found.episodes)
    text = f"{tenant}/{group.route.key}/{found.reason}/{said}"
    return f"nt_{blake2b(text.encode(), digest_size=12).hexdigest()}"


def _occasion(reason: NotifyReason, episode: Episode, group: Group) -> Micros:
    """An episode is news once and resolved once; what is said again is due to an instant."""
    if reason is NotifyReason.AGAIN:
        return episode.renotify_at or 0
    told = group.told.get(episode.id)
    return told.at if told is not None and reason is NotifyReason.REPEAT else 0


def told_of(episode: Episode, receiver: str) -> Told | None:
    """What a receiver was last told, by the episode's own history; None: nothing."""
    for entry in reversed(episode.history):
        if entry.action is Action.NOTIFIED and entry.by == receiver:
            over = entry.reason == NotifyReason.RESOLVED
            return Told(EpisodeState.RESOLVED if over else EpisodeState.FIRING, entry.at)
    return None


def delivered(group: Group, now: Micros) -> Group:
    """The receiver has it, or will never get it: that counts as told too, or it would be said for ever."""
    sent = group.sending
    if sent is None:
        return group
    told = {**group.told, **{each: Told(sent.state, now) for each in sent.episodes}}
    kept = {each: said for each, said in told.items() if said.state is not EpisodeState.RESOLVED}
    return replace(group, told=kept, sending=None)


def after_failure(sending: Notification, outcome: Outcome, now: Micros) -> tuple[Notification, Outcome]:
    """The notification with the attempt counted, and whether it is worth another."""
    refused = outcome is Outcome.REFUSED
    counted = replace(sending, refusals=sending.refusals + 1) if refused else sending
    hopeless = counted.refusals >= REFUSALS_ALLOWED or now - counted.created_at >= GIVE_UP_AFTER_US
    return counted, Outcome.GIVEN_UP if hopeless else outcome


def pause(attempts: int) -> Micros:
    """How long to wait after so many failed attempts: doubling from two seconds to five minutes."""
    return int(min(FIRST_PAUSE_US * 2 ** min(max(attempts - 1, 0), 20), LONGEST_PAUSE_US))


def _is_due(reason: NotifyReason, episode: Episode, group: Group, now: Micros) -> bool:
    told = group.told.get(episode.id)
    if told is None:
        return reason is NotifyReason.FIRST
    if reason is NotifyReason.AGAIN:
        return episode.renotify_at is not None and told.at < episode.renotify_at <= now
    repeats = group.route.repeat_us is not None and episode.acknowledged_by is None
    return reason is NotifyReason.REPEAT and repeats and now - told.at >= (group.route.repeat_us or 0)


def _snoozed(episode: Episode, now: Micros) -> bool:
    return episode.snoozed_until is not None and now < episode.snoozed_until


def _next_look(group: Group, known: Iterable[Episode], now: Micros) -> Micros | None:
    """When a repeat is due or a snooze ends; None while only a change can make news."""
    moments = []
    for episode in known:
        told = group.told.get(episode.id)
        if told is not None and group.route.repeat_us is not None and episode.acknowledged_by is None:
            moments.append(told.at + group.route.repeat_us)
        if episode.renotify_at is not None:
            moments.append(episode.renotify_at)
    return min((moment for moment in moments if moment > now), default=None)
