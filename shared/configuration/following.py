"""The configuration in force: read at the start, and again whenever its files change and are valid."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path

import structlog

from shared.configuration.answerable import unanswerable
from shared.configuration.deployment import Deployment
from shared.configuration.loading import load_deployment
from shared.configuration.problems import ConfigurationInvalid, Problem
from shared.configuration.secret_values import FilesRead
from shared.configuration.watching import configuration_version, watch

LOOK_EVERY = timedelta(seconds=1)
_PROBLEMS_LOGGED = 20
log = structlog.get_logger()


class LiveConfiguration:
    """``deployment`` is in force, ``version`` names it; ``problem`` says why the files on disk are not, or is None.

    An invalid edit keeps what is in force, and so does one that stored events cannot answer.
    """

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        *,
        every: timedelta = LOOK_EVERY,
        secrets_needed: bool = True,
    ) -> None:
        """``secrets_needed``: see load_deployment.

        Raises: ConfigurationInvalid; a service does not start on a configuration that it cannot read.
        """
        self.version = configuration_version(directory)  # the version first: an edit in between is seen as a change
        self._files = FilesRead()
        self.deployment = load_deployment(directory, environment, secrets_needed=secrets_needed, files=self._files)
        self.problem: ConfigurationInvalid | None = None
        self._directory = directory
        self._environment = environment
        self._every = every
        self._secrets_needed = secrets_needed

    async def edits(self, valid: Callable[[bool], object]) -> AsyncIterator[Deployment]:
        """Each valid edit, in force when it is handed out, for as long as the service runs.

        ``valid`` is told now, and of every edit, whether it could be used: the setter of ``pacer_config_valid``.
        """
        valid(self.problem is None)
        edits = watch(
            self._directory,
            self._environment,
            self._every,
            since=self.version,
            files=self._files,
            secrets_needed=self._secrets_needed,
        )
        async for edit in edits:
            outcome = self._answerable(edit.outcome)
            if isinstance(outcome, ConfigurationInvalid):
                self.problem = outcome
                problems = [str(problem) for problem in outcome.problems[:_PROBLEMS_LOGGED]]
                log.warning("configuration_rejected", problems=problems)
            else:
                self.version, self.deployment, self.problem = edit.version, outcome, None
                log.info("configuration_taken_up", version=edit.version)
            valid(self.problem is None)
            if self.problem is None:
                yield self.deployment

    def _answerable(self, outcome: Deployment | ConfigurationInvalid) -> Deployment | ConfigurationInvalid:
        """An edit that stored events cannot answer is as good as invalid: half of the numbers would follow it."""
        refused = [] if isinstance(outcome, ConfigurationInvalid) else unanswerable(self.deployment, outcome)
        problems = tuple(Problem(str(self._directory), 1, each.text) for each in refused)
        return ConfigurationInvalid(problems) if problems else outcome

    async def state(self) -> str:
        """For /readyz: a short word. An invalid edit does not make a service unready: it runs on."""
        return "valid" if self.problem is None else "the last edit is invalid; the one before it runs"
