"""What `pacer quarantine` prints."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.quarantine import report
from cli.quarantine.desk import Came
from services.api.domain.pipeline import Parked
from shared.contracts.messages import Quarantined
from shared.domain.instants import parse
from shared.domain.quarantine import Entry, Head, Page, Place, Retried, RetryOutcome

RECEIVED_AT = parse("2026-11-23T09:30:00.123456Z")


def entry(entry_id: str = "qe_1", last: Retried | None = None, **head: Any) -> Entry:
    defaults: dict[str, Any] = {"tenant": "acme", "source": "crm", "reason": "missing_id", "received_at": RECEIVED_AT}
    return Entry(
        head=Head(id=entry_id, **defaults | head),
        place=Place(0, 0),
        first_received_at=RECEIVED_AT,
        last=last,
    )


def retried(outcome: RetryOutcome, entry_id: str = "qe_1", reason: str = "", detail: str = "") -> Retried:
    return Retried(
        resolves=entry_id, tenant="acme", source="crm", outcome=outcome, reason=reason, detail=detail, at=1, by="ops",
        retry="rt_1",
    )  # fmt: skip


def test_a_listing_says_how_many_wait_and_why() -> None:
    lines = list(report.listing(Page((entry(),), None), {"missing_id": 1, "unknown_type": 4}))
    assert lines[0] == "5 in quarantine: missing_id 1, unknown_type 4"
    assert lines[2].split() == ["2026-11-23T09:30:00Z", "qe_1", "acme/crm", "missing_id", "1", "waiting"]


def test_an_empty_quarantine_is_said_to_be() -> None:
    assert list(report.listing(Page((), None), {})) == ["nothing waits in quarantine"]


def test_a_longer_list_says_how_to_go_on() -> None:
    assert list(report.listing(Page((entry(),), "5.qe_1"), {"missing_id": 2}))[-1] == "more: --after 5.qe_1"


def test_poison_is_shown_with_its_topic() -> None:
    lines = list(report.listing(Page((entry(topic="crm.events", source="-"),), None), {"undecodable": 1}))
    assert "crm.events" in lines[2]


def test_what_a_sender_wrote_cannot_take_over_the_terminal() -> None:
    lines = "\n".join(report.listing(Page((entry(detail="\x1b[2Jhello\r\n"),), None), {"x": 1}))
    assert "\x1b" not in lines and "hello" in lines


def test_owners_whom_nobody_claims_are_listed_the_most_facts_first() -> None:
    lines = list(report.parked(Parked(unmapped={("acme", "crm", "1"): 2, ("acme", "crm", "2"): 30})))
    assert [line.split() for line in lines[1:]] == [
        ["acme", "crm", "2", "30", "facts"],
        ["acme", "crm", "1", "2", "facts"],
    ]


def test_amounts_without_a_rate_are_listed() -> None:
    assert "JPY" in "\n".join(report.parked(Parked(unconverted={("acme", "JPY"): 2})))


def test_nothing_parked_is_nothing_said() -> None:
    assert list(report.parked(Parked())) == []


def test_an_entry_is_shown_with_its_body_at_the_end() -> None:
    kept = Quarantined(
        id="qe_1", tenant="acme", source="crm", reason="missing_id", detail="", received_at=1, body='{"id": "\x1b"}',
        headers={"content-type": "application/json"},
    )  # fmt: skip
    lines = list(report.whole(entry(), kept))
    assert "id: qe_1" in lines and lines[-1] == '{"id": "\\x1b"}'


def test_a_body_that_is_gone_is_said_to_be() -> None:
    assert list(report.whole(entry(), None))[-1] == "the topic no longer holds its body"


def test_each_of_a_few_retries_is_told() -> None:
    came = Came(
        {"b": retried(RetryOutcome.QUARANTINED, "b", "missing_id", "id"), "a": retried(RetryOutcome.ACCEPTED)}, ()
    )
    assert list(report.outcomes(came)) == ["a accepted", "b still in quarantine: missing_id (id)"]


def test_many_retries_are_summed_up() -> None:
    resolved = {f"e{n}": retried(RetryOutcome.ACCEPTED, f"e{n}") for n in range(30)}
    assert list(report.outcomes(Came(resolved, ()))) == ["30 accepted"]


def test_what_nobody_answered_says_what_to_look_at() -> None:
    (line,) = report.outcomes(Came({}, ("a", "b")))
    assert line.startswith("2 not answered yet: does ingest run?")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["retry"], 2, "what is to be tried again"),
        (["retry", "qe_1", "--all"], 2, "what is to be tried again"),
        (["list", "--since", "yesterday"], 2, "is neither a date nor a time"),
        (["list"], 2, "which deployment"),
        (["list", "--kafka", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1"], 1, "127.0.0.1:1 does not answer"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PACER_KAFKA__BOOTSTRAP_SERVERS", "PACER_REDIS__URL", "PACER_KAFKA", "PACER_REDIS"):
        monkeypatch.delenv(name, raising=False)
    backends = [] if "--kafka" in arguments or arguments == ["list"] else ["--kafka", "h:1", "--redis", "redis://h:1"]
    done = CliRunner().invoke(app, ["quarantine", *arguments, *backends])
    assert (done.exit_code, said in done.output) == (code, True), done.output
