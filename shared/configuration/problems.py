"""What is wrong with a configuration: where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.errors import ConfigurationError


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend. ``line`` counts from 1; ``message`` ends with the remedy."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class ConfigurationInvalid(ConfigurationError):
    """A configuration that cannot be used, with every problem that was found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass
class Report:
    """Collects problems while files are read and checked; each is told once."""

    problems: dict[Problem, None] = field(default_factory=dict)

    def add(self, file: str, line: int, message: str) -> None:
        """Notes a problem."""
        self.problems[Problem(file, line, message)] = None

    def raise_if_any(self) -> None:
        """Raises: ConfigurationInvalid with the problems in order of file and line."""
        if self.problems:
            raise ConfigurationInvalid(tuple(sorted(self.problems)))
