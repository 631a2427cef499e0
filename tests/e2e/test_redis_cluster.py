"""The same story on a Redis Cluster of three servers, one of which is killed while it is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.test_acceptance import batches, differences
from tests.support.eventually import eventually
from tests.support.redis_cluster import RealCluster
from tests.support.sales_story import CONFIGURATION, Story, utc_now
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.redis]


async def test_every_reading_on_a_cluster_equals_the_oracles_though_a_node_was_killed(
    tmp_path: Path, redis_cluster: RealCluster
) -> None:
    story = Story(seed=314, now=utc_now() - timedelta(hours=1), records=100)
    async with Stack(tmp_path, CONFIGURATION, "--redis", redis_cluster.url) as stack:
        failure = asyncio.create_task(kill_and_restart(redis_cluster))
        for batch in batches(story.native, 11):
            assert (await stack.native(batch)).status_code == 202
        for batch in batches(story.hubspot, 11):
            assert (await stack.hubspot(batch)).status_code == 202
        await failure

        async def none_differ() -> list[str]:
            return await differences(stack, story)

        await eventually(none_differ, equals=[], within_seconds=60)


async def kill_and_restart(cluster: RealCluster) -> None:
    node = cluster.nodes[1]
    await asyncio.sleep(0.2)
    node.kill()
    await asyncio.sleep(1.5)
    node.start()  # here: a child dies with the thread that started it
    await asyncio.to_thread(cluster.wait_covered)
