"""Every recorded and published request gets the answer that its sender expects."""

from __future__ import annotations

import pytest

from services.ingest.providers.registry import PROVIDERS
from tests.support.request_cases import REQUESTS, Case, Replay, answers_as_expected, cases, groups, name_of

pytestmark = pytest.mark.skipif(not REQUESTS.is_file(), reason="no collection of recorded requests beside the project")


@pytest.mark.parametrize("case", cases(*PROVIDERS), ids=name_of)
async def test_gets_the_answer_that_its_sender_expects(case: Case) -> None:
    answers_as_expected(case, await Replay().send(case))


@pytest.mark.parametrize("steps", groups(*PROVIDERS), ids=name_of)
async def test_each_step_gets_its_answer(steps: list[Case]) -> None:
    replay = Replay()
    for case in steps:
        answers_as_expected(case, await replay.send(case))
