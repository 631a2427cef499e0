"""What the alerts need from outside, in the words of the domain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from services.alerts.domain.notifications import Group, Notification, Outcome
from services.alerts.domain.routing import GroupRoute
from shared.domain.alerting import Receiver
from shared.domain.cells import CellQuery, SubjectCells
from shared.domain.episodes import Episode
from shared.domain.instants import Micros


class Announcement(Struct, frozen=True):
    """A group that has to look at an episode at ``due_at``; ``route`` None: only if the group still exists."""

    group: str
    due_at: Micros
    route: GroupRoute | None = None


class Claimed(Struct, frozen=True):
    """A group that is ours for a while: what it is, who is in it, and the number of its last touch."""

    group: Group
    members: tuple[str, ...]
    touch: str


class EpisodeStore(Protocol):
    """Episodes; every method raises TransientError when the store is away."""

    async def latest(self, tenant: str, dedup_keys: Iterable[str]) -> dict[str, Episode]:
        """The newest episode of each dedup key that has one."""
        ...

    async def open(self, tenant: str) -> list[Episode]:
        """Pending and firing ones."""
        ...

    async def by_ids(self, tenant: str, ids: Iterable[str]) -> list[Episode]:
        """Those that are still kept."""
        ...

    async def commit(
        self,
        episode: Episode,
        *,
        prior: Episode | None,
        forget: bool = False,
        announcements: Sequence[Announcement] = (),
    ) -> bool:
        """Stores a change with its announcements, or nothing: False when somebody else was first."""
        ...

    async def prune(self, tenant: str, *, before: Micros, now: Micros) -> int:
        """Forgets what was resolved before an instant and whose period is over; how many."""
        ...

    async def put_back(
        self, episode: Episode, *, forget: bool = False, announcements: Sequence[Announcement] = ()
    ) -> bool:
        """Stores what the log has and the store has lost; it is not published again. False: the store has it.

        ``announcements`` name groups that exist. forget: as above.
        """
        ...


class EpisodeLog(Protocol):
    """What was published of episodes."""

    async def unkept(self, tenant: str) -> list[Episode]:
        """Episodes as last published after what the store knows to be published. Raises: TransientError."""
        ...

    async def published(self, tenant: str) -> None:
        """Returns when every stored change is in the log. Raises: TransientError."""
        ...


class Marks(Protocol):
    """How far the numbers are."""

    async def read(self) -> list[Micros]:
        """Up to when each partition has applied everything, 0 where nothing is known. Raises: TransientError."""
        ...


class GroupStore(Protocol):
    """Notification groups, each with the notification that is on its way; raises TransientError when away."""

    async def due(self, tenant: str, now: Micros, limit: int) -> list[str]:
        """Keys of the groups that somebody has to look at, the most overdue first."""
        ...

    async def claim(self, tenant: str, key: str, *, now: Micros, until: Micros) -> Claimed | None:
        """Takes a group that is due; after ``until`` others may take it. None: it is not due any more."""
        ...

    async def settle(
        self,
        tenant: str,
        group: Group,
        *,
        due_at: Micros | None,
        drop: Iterable[str] = (),
        seen: str | None = None,
    ) -> bool:
        """Stores the next version of a group and when to look at it again (None: when it is touched).

        drop: members that need no word any more. seen: refuse if the group was touched since that number.
        False when somebody else was first.
        """
        ...

    async def known(self, tenant: str, key: str, route: GroupRoute | None) -> Group | None:
        """A group by its key; with a route it is made where there is none."""
        ...

    async def remove(self, tenant: str, group: Group, *, seen: str) -> bool:
        """Forgets a group that has nothing left to say, unless it was touched since."""
        ...


class Scoreboard(Protocol):
    """The cells that numbers are read from."""

    async def read(self, tenant: str, wanted: Mapping[str, CellQuery]) -> dict[str, SubjectCells]:
        """Cells by rep id. Raises: TransientError."""
        ...


class Sources(Protocol):
    """When sources last spoke."""

    async def last_received(self, tenant: str) -> dict[str, Micros]:
        """By source id; one that never spoke is absent. Raises: TransientError."""
        ...


class Arrival(Struct, frozen=True):
    """Whether history is being imported (``arriving``), and which import's is not yet judged (``arrived``)."""

    arriving: bool = False
    arrived: str | None = None


class History(Protocol):
    """Imports of history into a tenant (ADR 0014)."""

    async def arrival(self, tenant: str) -> Arrival:
        """How it stands now. Raises: TransientError."""
        ...

    async def judged(self, tenant: str, arrived: str) -> None:
        """Everybody was judged with what the import brought; another import since is not concerned.

        Raises: TransientError.
        """
        ...


class Lease(Protocol):
    """One process judges a tenant's rules at a time; the fences make a second one harmless, not useful."""

    async def hold(self, tenant: str) -> bool:
        """Takes or prolongs it. Raises: TransientError."""
        ...


class Notifier(Protocol):
    """Brings notifications to receivers."""

    async def deliver(self, receiver: Receiver, notification: Notification, now: Micros) -> tuple[Outcome, str]:
        """DELIVERED, UNREACHABLE (worth another try) or REFUSED, and a short word on why; never raises for them."""
        ...
