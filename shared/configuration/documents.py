"""YAML with line numbers and without surprises.

A plain scalar is the text that was written, except ``true``, ``false`` and null: no sexagesimal ``09:00``, no ``on``
that is a boolean, no country ``NO`` that is false, no amount that went through a float. What a text means is said
by the models. Duplicate keys, merge keys and tags are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from shared.configuration.problems import Report

Location: TypeAlias = tuple[int | str, ...]

_PLAIN: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_TAGS = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"})


@dataclass(frozen=True)
class Document:
    """One file's content; ``lines`` has the line of every key and list item by its path."""

    file: str
    content: Any
    lines: Mapping[Location, int]

    def line_of(self, location: Location) -> int:
        """The line of what is there, or of the nearest thing around it."""
        known: Location = ()
        for part in location:
            if (*known, part) in self.lines:
                known = (*known, part)
        return self.lines.get(known, 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes without YAML 1.1's guesses: every plain scalar is text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML looks the table up on the class


@dataclass
class _Reader:
    """Turns nodes into plain data, noting lines and problems."""

    file: str
    report: Report
    lines: dict[Location, int] = field(default_factory=dict)
    open_nodes: set[int] = field(default_factory=set)

    def read(self, node: Node, at: Location) -> Any:  # noqa: ANN401 - whatever the YAML says
        self.lines.setdefault(at, node.start_mark.line + 1)
        if node.tag not in _TAGS:
            self._problem(node, f"the tag `{node.tag}` is not supported. Remove it")
            return None
        if isinstance(node, ScalarNode):
            return node.value if node.style is not None else _PLAIN.get(node.value, node.value)
        if id(node) in self.open_nodes:
            self._problem(node, "the alias contains itself. Write the content out")
            return None
        self.open_nodes.add(id(node))
        content = self._sequence(node, at) if isinstance(node, SequenceNode) else self._mapping(node, at)
        self.open_nodes.discard(id(node))
        return content

    def _sequence(self, node: SequenceNode, at: Location) -> list[Any]:
        return [self.read(child, (*at, index)) for index, child in enumerate(node.value)]

    def _mapping(self, node: Node, at: Location) -> dict[str, Any]:
        content: dict[str, Any] = {}
        pairs = node.value if isinstance(node, MappingNode) else ()
        for key, value in pairs:
            if not isinstance(key, ScalarNode):
                self._problem(key, "a key must be text. Write the key as a single word")
            elif key.value == "<<":
                self._problem(key, "merge keys are not supported. Write the content out")
            elif key.value in content:
                self._problem(key, f"the key `{key.value}` is there twice. Keep one of them")
            else:
                self.lines[(*at, key.value)] = key.start_mark.line + 1
                content[key.value] = self.read(value, (*at, key.value))
        return content

    def _problem(self, node: Node, message: str) -> None:
        self.report.add(self.file, node.start_mark.line + 1, message)


def read_yaml(path: Path, report: Report) -> Document | None:
    """The file's content with lines; None (and a problem) where it is no YAML at all."""
    file = str(path)
    text = read_text(path, report)
    if text is None:
        return None
    try:
        root = _compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "unreadable character"
        report.add(file, 1 if mark is None else mark.line + 1, f"this is not valid YAML: {what}. Correct the syntax")
        return None
    if root is None:
        return Document(file, {}, {})
    reader = _Reader(file, report)
    found = len(report.problems)
    content = reader.read(root, ())
    if len(report.problems) > found:
        return None
    return Document(file, {} if content is None else content, reader.lines)


def read_text(path: Path, report: Report) -> str | None:
    """The file as UTF-8 text (a byte order mark is skipped); None and a problem where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        report.add(str(path), 1, "the file is not UTF-8. Save it as UTF-8")
    except OSError as error:
        report.add(str(path), 1, f"the file cannot be read ({error.strerror}). Check that it is there and readable")
    return None


def _compose(text: str) -> Node | None:
    loader = _Loader(text)
    try:
        node: Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()
