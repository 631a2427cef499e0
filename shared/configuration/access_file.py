"""``access.yaml``: API keys and what they may see."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from shared.configuration.parsing import Section, Strict
from shared.configuration.people_file import PeopleModel
from shared.configuration.scalars import Id, word
from shared.domain.access import AccessKey, Role

_DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def _digest(value: object) -> str:
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise ValueError("this is no SHA-256 in hex. Make a key with `pacer token create` and take its line")
    return value.lower()


class KeyModel(Strict):
    """One key."""

    id: Id
    sha256: Annotated[str, BeforeValidator(_digest)]
    role: Annotated[Role, word(Role)]
    rep: str | None = None
    team: str | None = None


class AccessModel(Strict):
    """The file."""

    keys: tuple[KeyModel, ...] = ()


def check_access(section: Section[AccessModel], people: PeopleModel) -> None:
    """Ids, references, and roles that say too little."""
    section.refuse_twins("keys", (key.id for key in section.model.keys))
    managers = [team.manager for team in people.teams if team.manager is not None]
    for index, key in enumerate(section.model.keys):
        at = ("keys", index)
        known = [*(rep.id for rep in people.reps), *(managers if key.role is Role.MANAGER else ())]
        section.refuse_unknown((*at, "rep"), "rep", key.rep, known)
        section.refuse_unknown((*at, "team"), "team", key.team, (team.id for team in people.teams))
        if key.role is Role.REP and key.rep is None:
            section.problem(at, f"the key `{key.id}` has the role rep. Add `rep: ID`")
        if key.role is Role.MANAGER and key.rep is None and key.team is None:
            section.problem(at, f"the key `{key.id}` has the role manager. Add `team: ID`, or `rep: ID` of a manager")


def compile_keys(model: AccessModel, tenant: str) -> tuple[AccessKey, ...]:
    """The tenant's keys."""
    return tuple(
        AccessKey(id=key.id, tenant=tenant, sha256=key.sha256, role=key.role, rep=key.rep, team=key.team)
        for key in model.keys
    )
