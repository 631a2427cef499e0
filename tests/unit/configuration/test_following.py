import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from shared.configuration import ConfigurationInvalid, Deployment, LiveConfiguration
from tests.support.configuration_files import ENVIRONMENT, write_configuration
from tests.support.eventually import eventually

SOON = timedelta(milliseconds=10)


class Followed:
    """A configuration whose edits are taken up while the test runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.live = LiveConfiguration(directory, ENVIRONMENT, every=SOON)
        self.told: list[bool] = []
        self.taken: list[Deployment] = []

    async def follow(self) -> None:
        async for deployment in self.live.edits(self.told.append):
            self.taken.append(deployment)

    async def spoil(self) -> None:
        (self.directory / "tenant.yaml").write_text("tenant: acme\n")
        await eventually(lambda: self.live.problem is not None)


@asynccontextmanager
async def following(directory: Path) -> AsyncIterator[Followed]:
    followed = Followed(write_configuration(directory))
    task = asyncio.create_task(followed.follow())
    await eventually(lambda: followed.told == [True])
    yield followed
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_service_does_not_start_on_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="there is no directory here"):
        LiveConfiguration(tmp_path / "nowhere", ENVIRONMENT)


async def test_an_invalid_edit_keeps_what_is_in_force(tmp_path: Path) -> None:
    async with following(tmp_path / "acme") as followed:
        before = (followed.live.deployment, followed.live.version)
        await followed.spoil()
        assert (followed.live.deployment, followed.live.version) == before


async def test_a_valid_edit_is_in_force_when_it_is_handed_out(tmp_path: Path) -> None:
    async with following(tmp_path / "acme") as followed:
        (followed.directory / "targets.csv").write_text("kpi,period,for,id,value\n")
        await eventually(lambda: followed.taken[-1:] == [followed.live.deployment])


async def test_the_metric_is_told_of_every_edit(tmp_path: Path) -> None:
    async with following(tmp_path / "acme") as followed:
        await followed.spoil()
        write_configuration(followed.directory)
        await eventually(lambda: followed.told[-2:] == [False, True])


async def test_an_invalid_edit_is_a_state_and_no_failure(tmp_path: Path) -> None:
    async with following(tmp_path / "acme") as followed:
        await followed.spoil()
        assert "invalid" in await followed.live.state()


async def test_an_edit_that_stored_events_cannot_answer_keeps_what_is_in_force(tmp_path: Path) -> None:
    async with following(tmp_path / "acme") as followed:
        before, sources = followed.live.version, followed.directory / "sources.yaml"
        written = sources.read_text()
        sources.write_text(written.replace("provider: hubspot", "provider: hubspot\n    won_stages: [signed]"))
        await eventually(lambda: followed.live.problem is not None)
        assert followed.live.version == before and "pacer import" in str(followed.live.problem)
        sources.write_text(written)
        await eventually(lambda: followed.live.problem is None)
        assert followed.told == [True, False, True]


SECRET_IN_A_FILE = """
sources:
  - {id: crm, provider: hubspot, public_url: "https://hooks.example/v1/webhooks/crm", secrets: [{env: CRM_SECRET}]}
  - {id: own, provider: native, secrets: [{file: %s}]}
"""


def mount(volume: Path, revision: str, secret: str) -> Path:
    """A secret as Kubernetes mounts it: the file is a link into ``..data``, itself a link that is exchanged whole."""
    (volume / revision).mkdir(parents=True)
    (volume / revision / "token").write_text(secret)
    (volume / "..next").symlink_to(revision)
    (volume / "..next").replace(volume / "..data")
    link = volume / "token"
    if not link.is_symlink():
        link.symlink_to("..data/token")
    return link


async def test_a_mounted_secret_that_is_exchanged_is_taken_up(tmp_path: Path) -> None:
    link = mount(tmp_path / "volume", "..2026_11_23", "old")
    async with following(tmp_path / "acme") as followed:
        (followed.directory / "sources.yaml").write_text(SECRET_IN_A_FILE % link)
        await eventually(lambda: followed.live.deployment.sources["own"].secrets, equals=("old",))
        mount(tmp_path / "volume", "..2026_11_24", "new")
        await eventually(lambda: followed.live.deployment.sources["own"].secrets, equals=("new",))


async def test_a_secret_that_goes_away_keeps_the_one_in_force_until_it_is_back(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("old")
    async with following(tmp_path / "acme") as followed:
        (followed.directory / "sources.yaml").write_text(SECRET_IN_A_FILE % secret)
        await eventually(lambda: followed.live.deployment.sources["own"].secrets, equals=("old",))
        secret.unlink()
        await eventually(lambda: followed.live.problem is not None)
        assert followed.live.deployment.sources["own"].secrets == ("old",)
        secret.write_text("new")
        await eventually(lambda: followed.live.deployment.sources["own"].secrets, equals=("new",))


async def test_a_secret_changed_before_anybody_watched_is_not_missed(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("old")
    directory = write_configuration(tmp_path / "acme", sources=SECRET_IN_A_FILE % secret)
    live = LiveConfiguration(directory, ENVIRONMENT, every=SOON)
    secret.write_text("new")
    edits = live.edits(lambda _: None)
    async with asyncio.timeout(10):
        assert (await anext(edits)).sources["own"].secrets == ("new",)
    await edits.aclose()  # type: ignore[attr-defined]


async def test_files_that_stay_as_they_are_are_no_edit(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("old")
    async with following(tmp_path / "acme") as followed:
        (followed.directory / "sources.yaml").write_text(SECRET_IN_A_FILE % secret)
        await eventually(lambda: len(followed.taken), equals=1)
        secret.write_text("old")
        (followed.directory / "targets.csv").write_text("kpi,period,for,id,value\n")
        await eventually(lambda: len(followed.taken), equals=2)
