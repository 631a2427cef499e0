"""From a document to a model; what pydantic finds becomes problems with file, line and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from shared.configuration.documents import Document, Location, read_yaml
from shared.configuration.problems import Report
from shared.configuration.scalars import shown


class Strict(BaseModel):
    """A mapping of a configuration file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


Model = TypeVar("Model", bound=Strict)


@dataclass(frozen=True)
class Section(Generic[Model]):
    """A file's model with its document, so that later checks can point to lines."""

    model: Model
    document: Document
    report: Report

    def problem(self, location: Location, message: str) -> None:
        """Notes a problem at a place of the file."""
        self.report.add(self.document.file, self.document.line_of(location), message)

    def refuse_twins(self, path: str, ids: Iterable[str]) -> None:
        """Notes each id of a list that was there before."""
        first: dict[str, int] = {}
        for index, name in enumerate(ids):
            if name in first:
                line = self.document.line_of((path, first[name], "id"))
                self.problem((path, index, "id"), f"the id `{name}` is taken (line {line}). Choose another id")
            first.setdefault(name, index)

    def refuse_unknown(self, location: Location, what: str, name: str | None, known: Iterable[str]) -> None:
        """Notes a reference to something that is configured nowhere."""
        if name is not None and name not in (names := tuple(known)):
            self.problem(location, f"there is no {what} `{name}`. {_suggestion(name, names)}")


def parse(path: Path, model: type[Model], report: Report) -> Section[Model] | None:
    """The file as a model; None with problems where it cannot be. A file that is not there says nothing."""
    document = read_yaml(path, report) if path.exists() else Document(str(path), {}, {})
    if document is None:
        return None
    found = validate(document, (), model, report=report)
    return None if found is None else Section(found, document, report)


def validate(document: Document, at: Location, model: type[Model], *, report: Report) -> Model | None:
    """A part of a document as a model, or None with problems."""
    content: Any = document.content
    for part in at:
        content = content.get(part, {}) if isinstance(content, dict) else content[part]
    try:
        return model.model_validate(content)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            location: Location = (*at, *error["loc"])
            report.add(document.file, document.line_of(location), _message(error, model))
        return None


_WRONG_SHAPE = {
    "model_type": "must be a mapping, not {}. Write `key: value` pairs",
    "dict_type": "must be a mapping, not {}. Write `key: value` pairs",
    "list_type": "must be a list, not {}. Write it as [...]",
    "tuple_type": "must be a list, not {}. Write it as [...]",
    "too_short": "is empty. Add at least one",
}


def _message(error: ErrorDetails, model: type[Strict]) -> str:
    location = error["loc"]
    name = str(location[-1]) if location else "the file"
    where = f"`{_path(location)}`"
    if error["type"] == "missing":
        return f"`{name}` is missing. Add it"
    if error["type"] == "extra_forbidden":
        return f"unknown key `{name}`. {_suggestion(name, _known_keys(model, location[:-1]))}"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    if error["type"] in _WRONG_SHAPE:
        return f"{where} {_WRONG_SHAPE[error['type']].format(shown(error['input']))}"
    return f"{where}: {error['msg']}, not {shown(error['input'])}. Correct the value"


def _path(location: Location) -> str:
    """The names on the way, without the positions in lists: the line says which one."""
    return ".".join(part for part in location if isinstance(part, str)) or "the file"


def _known_keys(model: Any, location: Location) -> tuple[str, ...]:  # noqa: ANN401 - annotations
    """The keys that the model at a place of the document knows."""
    step: Any = model
    for part in location:
        step = _model_in(step.model_fields[_field_of(step, part)].annotation) if isinstance(part, str) else step
        if step is None:
            return ()
    return tuple(info.alias or name for name, info in step.model_fields.items())


def _field_of(model: type[Strict], key: str) -> str:
    return next(name for name, info in model.model_fields.items() if (info.alias or name) == key)


def _model_in(annotation: Any) -> type[Strict] | None:  # noqa: ANN401 - annotations
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"Did you mean `{near[0]}`?"
    return f"Use one of: {', '.join(sorted(known)[:20])}" if known else "Add it, or remove the reference"
