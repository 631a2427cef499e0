"""Redis keys. All keys of a partition share a hash tag, so that one script may touch them on Redis Cluster too.

``{l07}`` is ledger partition 7 (of crm.events), ``{s07}`` scoreboard partition 7 (of kpi.facts). What is derived from
the log is a *state*; a rebuild makes another beside the live one. A state's name is part of its keys, outside of the
hash tag: the same partition of two states lies in the same slot.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

LAYOUT = "pacer:layout"
"""Hash: ``facts_partitions``, ``events_partitions``, ``log_identity``, ``log_epoch``. Checked at every start."""
STATE_FIELD = "state"
"""Field of LAYOUT: the name of the live state; absent is FIRST_STATE."""
HOLD = f"{{{LAYOUT}}}:hold"
"""String with a time to live: the state whose ledgers stand still, while a rebuild compares and switches."""
CONFIGURATION_FIELD, GENERATION_FIELD = "configuration", "generation"
"""Fields of LAYOUT: the version of the configuration that the workers took up last, and how many there were."""
REBUILD = f"{{{LAYOUT}}}:rebuild"
"""String: the rebuild that was begun and has not ended, JSON."""
REBUILD_LEASE = f"{{{LAYOUT}}}:rebuild-lease"
"""String with a time to live: the process that rebuilds."""
FIRST_STATE = ""
"""The state of a deployment that was never rebuilt; its keys name none."""


@lru_cache(maxsize=262_144)
def scoreboard_partition(tenant: str, subject: str, partitions: int) -> int:
    """The kpi.facts partition that owns a rep (or an unmapped owner): stable, as state depends on it."""
    return crc32(f"{tenant}/{subject}".encode()) % partitions


def ledger_tag(partition: int, state: str) -> str:
    """Prefix of a ledger partition's keys in a state."""
    return f"{_prefix(state)}:{{l{partition:02d}}}:"


def scoreboard_tag(partition: int, state: str) -> str:
    """Prefix of a scoreboard partition's keys in a state."""
    return f"{_prefix(state)}:{{s{partition:02d}}}:"


def state_named(field: bytes | str | None) -> str:
    """The name of the live state from what LAYOUT has in STATE_FIELD."""
    return FIRST_STATE if field is None else field.decode() if isinstance(field, bytes) else field


def _prefix(state: str) -> str:
    return f"pacer/{state}" if state else "pacer"


def offset_key(tag: str) -> str:
    """String: the position (epoch and offset: shared.domain.facts) of the next message, the fence of every commit."""
    return f"{tag}offset"


def mark_key(tag: str) -> str:
    """String: everything received up to this instant (microseconds) is applied in this partition."""
    return f"{tag}mark"


def records_key(tag: str) -> str:
    """Hash: ``tenant/source/type/record`` -> packed record (ledger)."""
    return f"{tag}records"


def sources_key(tag: str) -> str:
    """Hash: ``tenant/source`` -> greatest received_at applied in this partition, microseconds (ledger)."""
    return f"{tag}sources"


def incomplete_key(tag: str) -> str:
    """Hash: ``tenant/source/record type/field`` -> number of records that miss the field (ledger)."""
    return f"{tag}incomplete"


def arrivals_key(tag: str, day: int) -> str:
    """Hash of a UTC day, counted since 1970: ``tenant/source/hour`` -> events received in that hour, and with REPEATED
    behind it those among them that said nothing new (ledger). It expires.
    """
    return f"{tag}arrivals:{day}"


def succession_key(tag: str) -> str:
    """String: the attribution rules under which facts of the partition may have been published, packed (ledger)."""
    return f"{tag}succession"


def page_key(tag: str, tenant: str, subject: str, page: str) -> str:
    """Hash: fact id -> packed PageEntry (scoreboard). ``page`` is a UTC day or ``open``."""
    return f"{tag}p:{tenant}/{subject}/{page}"


def packed_key(tag: str, tenant: str, subject: str) -> str:
    """Hash: page -> the page as shared.contracts.packed_pages has it, and WORDS_FIELD (scoreboard).

    A page is either here or under its page_key, and moves in one step with all that depends on it.
    """
    return f"{tag}z:{tenant}/{subject}"


def cells_key(tag: str, tenant: str, subject: str) -> str:
    """Hash: cell name -> packed accumulators; field ``version`` -> integer (scoreboard)."""
    return f"{tag}c:{tenant}/{subject}"


def values_key(tag: str, tenant: str, subject: str, definition: str, cell: str) -> str:
    """Hash: value (distinct) or number in plain notation (ranked) -> how many facts have it, in a cell (scoreboard)."""
    return f"{tag}x:{tenant}/{subject}/{definition}/{cell}"


def unmapped_key(tag: str) -> str:
    """Hash: ``tenant/?source/owner`` -> number of facts parked for an owner whom nobody claims (scoreboard)."""
    return f"{tag}unmapped"


def unconverted_key(tag: str) -> str:
    """Hash: ``tenant/subject/page/fact id`` -> currency without a rate; its amount is in no sum (scoreboard)."""
    return f"{tag}unconverted"


def footings_key(tag: str) -> str:
    """Hash: ``tenant/rep`` -> what her cells are folded under; ``refolds`` -> how often any was anew (scoreboard)."""
    return f"{tag}footings"


def poison_key(topic: str, state: str) -> str:
    """String: how much poison a topic had of late, packed. A key of its own slot: no script touches it with others."""
    return f"{_prefix(state)}:poison:{topic}"


def changed_key(tag: str) -> str:
    """Set: ``tenant/rep`` whose update is still to be published (scoreboard)."""
    return f"{tag}changed"


def swept_key(tag: str) -> str:
    """String: when the last complete sweep of the partition began, or when it was first seen, microseconds."""
    return f"{tag}swept"


def marked_key(tag: str) -> str:
    """Set: ``tenant/rep`` with closed cells that changed, of which her restatements do not tell yet (scoreboard)."""
    return f"{tag}marked"


def marks_key(tag: str, tenant: str, rep: str) -> str:
    """Hash: fields of shared.contracts.restatements: closed cells before they changed, and why (scoreboard)."""
    return f"{tag}k:{tenant}/{rep}"


def marked_values_key(tag: str, tenant: str, rep: str) -> str:
    """Hash: shared.contracts.restatements.value_fields -> by how many more facts have the value (scoreboard)."""
    return f"{tag}kx:{tenant}/{rep}"


def terms_key(tag: str) -> str:
    """Hash: digest of a footing -> the KPIs that it stands for, packed (scoreboard)."""
    return f"{tag}terms"


def restatements_key(tag: str, tenant: str, rep: str) -> str:
    """List: packed restatements of a rep, the last one first, capped (scoreboard)."""
    return f"{tag}r:{tenant}/{rep}"


def followed_key(tag: str) -> str:
    """String: generation of the configuration that the partition follows, and what it has left to do for it: ``7 120``;
    records (ledger) or reps (scoreboard).
    """
    return f"{tag}followed"


REPEATED = "/repeated"
"""Ends the fields of an arrivals hash that count what was received before."""
VERSION_FIELD = "version"
"""Field of a cells hash beside the cells, which are named by shared.domain.cells."""
PAGES_FIELD = "pages"
"""Field of a cells hash: msgpack list of the names of all her pages."""
PACKED_FIELD = "packed"
"""Field of a cells hash: msgpack list of the names of those of her pages that are packed; absent for none."""
RETAINED_FIELD = "retained"
"""Field of a cells hash: the UTC day before which pages of hers are gone for their age; absent for none."""
FOLDED_FIELD = "folded"
"""Field of a cells hash: what her cells count, ``shared.domain.folded``; empty while she is no rep."""
BESIDE_CELLS = frozenset({VERSION_FIELD, PAGES_FIELD, PACKED_FIELD, RETAINED_FIELD, FOLDED_FIELD})
"""Fields of a cells hash that are no cells."""
WORDS_FIELD = "words"
"""Field of a packed hash, which no page is named: what the subject's pages are packed with; written once."""
REFOLDS_FIELD = "refolds"
"""Field of a footings hash, which no ``tenant/rep`` is like."""
