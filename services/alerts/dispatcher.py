"""Sends what groups have to say: decides, stores the notification, sends it, stores how it went.

The notification is stored with its id and body before it is sent, and taken off only after the receiver has
accepted it: a crash in between sends it again under the same id, and none is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from msgspec import Struct
from msgspec.structs import replace

from services.alerts.domain.notifications import (
    Group,
    News,
    Notification,
    NotifyReason,
    Outcome,
    after_failure,
    delivered,
    news,
    notification_id,
    pause,
)
from services.alerts.domain.routing import allowed_from
from services.alerts.metrics import AlertsMetrics
from services.alerts.ports import Claimed, EpisodeLog, EpisodeStore, GroupStore, Notifier
from shared.domain.alerting import Alerting
from shared.domain.calendar import Calendar
from shared.domain.clock import Clock
from shared.domain.episodes import Action, Episode, EpisodeState, HistoryEntry
from shared.domain.instants import SECOND_US, Micros
from shared.errors import TransientError

GROUPS_AT_ONCE = 32
NOTE_ATTEMPTS = 5
PUBLISH_SECONDS = 3.0
Render = Callable[[Notification, Group, Sequence[Episode]], str]
"""The body of a notification as its receiver reads it."""
log = structlog.get_logger()


class Desk(Struct, frozen=True):
    """A tenant's receivers and the hours in which they may be disturbed."""

    tenant: str
    alerting: Alerting
    calendar: Calendar


class Dispatcher:
    """The groups of all tenants. Several processes may send: a group is claimed by one at a time.

    ``may_send``: whether a tenant's stored alerts are whole.
    """

    def __init__(
        self,
        groups: GroupStore,
        store: EpisodeStore,
        notifier: Notifier,
        *,
        render: Render,
        episodes: EpisodeLog,
        may_send: Callable[[str], bool],
        clock: Clock,
        metrics: AlertsMetrics,
        claim_us: Micros = 30 * SECOND_US,
    ) -> None:
        self._groups = groups
        self._store = store
        self._notifier = notifier
        self._render = render
        self._episodes = episodes
        self._may_send = may_send
        self._clock = clock
        self._metrics = metrics
        self._claim_us = claim_us
        self._desks: dict[str, Desk] = {}
        self._in_flight: set[tuple[str, str]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    def use(self, desks: Iterable[Desk]) -> None:
        """Takes a configuration."""
        self._desks = {desk.tenant: desk for desk in desks}
        self._woken.set()

    def wake(self) -> None:
        """A group may have become due."""
        self._woken.set()

    def stop(self) -> None:
        """Nothing new is begun; ``run`` returns when what is on its way has arrived."""
        self._stopping = True
        self._woken.set()

    async def run(self, look_seconds: float) -> None:
        """Until it is stopped. A receiver that hangs keeps its own groups waiting, nobody else's."""
        async with asyncio.TaskGroup() as sending:
            while not self._stopping:
                self._woken.clear()
                for desk, key in await self._due():
                    self._in_flight.add((desk.tenant, key))
                    sending.create_task(self._look(desk, key))
                await self._wait(look_seconds)

    async def send_due(self) -> None:
        """Looks at every group that is due now, once."""
        for desk, key in await self._due():
            await self._look(desk, key)

    async def _due(self) -> list[tuple[Desk, str]]:
        """Groups to look at that nobody here is busy with; none while the store is away."""
        found = []
        try:
            for desk in tuple(self._desks.values()):
                if not self._may_send(desk.tenant):
                    continue
                keys = await self._groups.due(desk.tenant, self._clock.now(), GROUPS_AT_ONCE + len(self._in_flight))
                found += [(desk, key) for key in keys if (desk.tenant, key) not in self._in_flight]
        except TransientError as error:
            self._postpone(error)
        return found[: max(GROUPS_AT_ONCE - len(self._in_flight), 0)]

    async def _look(self, desk: Desk, key: str) -> None:
        try:
            await self._take(desk, key)
        except TransientError as error:  # the claim runs out, and the group is looked at again
            self._postpone(error)
        else:
            self._woken.set()
        finally:
            self._in_flight.discard((desk.tenant, key))

    def _postpone(self, error: TransientError) -> None:
        self._metrics.dependency_failed(error.reason)
        log.warning("sending_postponed", reason=error.reason, error=str(error))

    async def _take(self, desk: Desk, key: str) -> None:
        now = self._clock.now()
        claimed = await self._groups.claim(desk.tenant, key, now=now, until=now + self._claim_us)
        if claimed is None:
            return
        if claimed.group.sending is not None:
            await self._send(desk, claimed.group, claimed.group.sending)
            return
        allowed = allowed_from(claimed.group.route, desk.calendar, now)
        if allowed > now:
            await self._groups.settle(desk.tenant, claimed.group, due_at=allowed)
            return
        await self._say(desk, claimed, now)

    async def _say(self, desk: Desk, claimed: Claimed, now: Micros) -> None:
        group = claimed.group
        members = await self._store.by_ids(desk.tenant, claimed.members)
        found = news(group, members, now)
        if found.reason is NotifyReason.NOTHING_LEFT:
            await self._groups.remove(desk.tenant, group, seen=claimed.touch)
            return
        drop = _needless(claimed.members, members, group)
        if not found.episodes:
            settled = await self._groups.settle(desk.tenant, group, due_at=found.due_at, drop=drop, seen=claimed.touch)
            if not settled:  # somebody touched it meanwhile: what they have to say must not wait for the claim to end
                await self._groups.settle(desk.tenant, group, due_at=now)
            return
        sending = self._compose(desk.tenant, group, found, now)
        sealed = replace(group, sending=sending)
        if await self._groups.settle(desk.tenant, sealed, due_at=now + self._claim_us):
            await self._publish_first(desk.tenant)
            await self._send(desk, replace(sealed, version=group.version + 1), sending)

    async def _publish_first(self, tenant: str) -> None:
        """Else a store that is set back would begin what was told anew; Kafka away does not silence alerts, though."""
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._episodes.published(tenant)
        except (TransientError, TimeoutError) as error:
            self._metrics.sent_unpublished()
            log.warning("sent_unpublished", tenant=tenant, error=str(error))

    def _compose(self, tenant: str, group: Group, found: News, now: Micros) -> Notification:
        blank = Notification(
            id=notification_id(tenant, group, found),
            state=found.state,
            reason=found.reason,
            body="",
            episodes=tuple(episode.id for episode in found.episodes),
            created_at=now,
        )
        return replace(blank, body=self._render(blank, group, found.episodes))

    async def _send(self, desk: Desk, group: Group, sending: Notification) -> None:
        receiver = desk.alerting.receivers.get(group.route.receiver)
        now = self._clock.now()
        if receiver is None:
            outcome, detail = Outcome.GIVEN_UP, "receiver_is_gone"
        else:
            outcome, detail = await self._notifier.deliver(receiver, sending, now)
        now = self._clock.now()
        tried = replace(sending, attempts=sending.attempts + 1)
        if outcome in (Outcome.UNREACHABLE, Outcome.REFUSED):
            tried, outcome = after_failure(tried, outcome, now)
        self._metrics.notified(group.route.receiver, outcome)
        self._tell(group, tried, outcome, detail)
        if outcome in (Outcome.DELIVERED, Outcome.GIVEN_UP):
            await self._finish(desk, replace(group, sending=tried), outcome, now)
        else:
            due_at = now + pause(tried.attempts)
            await self._groups.settle(desk.tenant, replace(group, sending=tried), due_at=due_at)

    async def _finish(self, desk: Desk, group: Group, outcome: Outcome, now: Micros) -> None:
        """Takes the notification off; the group is looked at again at once, for what has come up meanwhile."""
        sent = group.sending
        if sent is None or not await self._groups.settle(desk.tenant, delivered(group, now), due_at=now):
            return
        if outcome is Outcome.DELIVERED:
            entry = HistoryEntry(now, Action.NOTIFIED, group.route.receiver, sent.reason)
            for episode in sent.episodes:
                await self._note(desk.tenant, episode, entry)

    async def _note(self, tenant: str, episode_id: str, entry: HistoryEntry) -> None:
        """Writes into the episode's history that a receiver has it."""
        for _ in range(NOTE_ATTEMPTS):
            known = await self._store.by_ids(tenant, [episode_id])
            if not known or await self._store.commit(known[0].noted(entry), prior=known[0]):
                return
        self._metrics.conflict()

    def _tell(self, group: Group, sending: Notification, outcome: Outcome, detail: str) -> None:
        said = log.info if outcome is Outcome.DELIVERED else log.warning
        said(
            "notification",
            notification=sending.id,
            receiver=group.route.receiver,
            state=sending.state.value,
            outcome=outcome.value,
            detail=detail,
            attempts=sending.attempts,
        )

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return


def _needless(ids: Iterable[str], known: Sequence[Episode], group: Group) -> list[str]:
    """Members that need no word any more: resolved without one, told of their end, or no longer kept."""
    by_id: Mapping[str, Episode] = {episode.id: episode for episode in known}
    over = {each.id for each in known if each.state is EpisodeState.RESOLVED and each.id not in group.told}
    return [each for each in ids if each in over or each not in by_id]
