"""The body of a notification, as contract section 6 shows it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.alerts.dispatcher import Render
from services.alerts.domain.notifications import Group, Notification
from shared.contracts.episodes import alert_view
from shared.domain.episodes import Episode
from shared.domain.instants import text


def rendering(board_url: str) -> Render:
    """Renders bodies whose links lead to a board; ``board_url`` with or without a slash at its end."""
    base = board_url.rstrip("/")

    def render(notification: Notification, group: Group, episodes: Sequence[Episode]) -> str:
        body = {
            "notification_id": notification.id,
            "state": notification.state.value,
            "receiver": group.route.receiver,
            "group": dict(group.route.labels),
            "at": text(notification.created_at),
            "alerts": [alert_view(episode, base) for episode in episodes],
        }
        return msgspec.json.encode(body).decode()

    return render
