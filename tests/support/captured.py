"""Captured deliveries: read from their files, and held against what they have to come to."""

from __future__ import annotations

import json
from pathlib import Path

from cli.capture.cases import told_change
from tests.support.request_cases import Case, Replay, answers_as_expected

CAPTURED = Path(__file__).resolve().parents[1] / "data" / "captured"


def captured_cases(directory: Path = CAPTURED) -> list[Case]:
    """The cases of all files, each named after its file too."""
    files = sorted(directory.glob("*.json"))
    return [case | {"name": f"{file.stem}-{case['name']}"} for file in files for case in json.loads(file.read_text())]


async def comes_to_the_same(case: Case) -> None:
    """Sends it through the whole receiver. Asserts the answer, and every change and refusal."""
    replay = Replay()
    answers_as_expected(case, await replay.send(case))
    meaning = case["expect"]["normalized_hint"]["meaning"]
    changes = [change for told in meaning for change in told.get("changes", [])]
    assert [told_change(change) for change in replay.log.changes] == changes
    refused = [told["rejected"] for told in meaning if "rejected" in told]
    assert [str(reject.reason) for reject in replay.log.rejects] == refused
