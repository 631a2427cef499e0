"""What of a delivery may stay, and what stands for the rest.

Nothing stays but what is known to be needed and to say nothing of a person: ids, amounts, times, and the words that
CRMs use for kinds, states and fields. All other texts are replaced, the same text by the same pseudonym within a run.
The key of the pseudonyms is thrown away with the run: nobody can try out names afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_URL = re.compile(r"[a-z][a-z0-9+.\-]*://.*", re.IGNORECASE | re.DOTALL)
_PHONE = re.compile(r"[+(]?[\d\s().\-/]{4,}")
_PERSONAL_KEY = re.compile(
    r"mail|phone|mobile|fax|birth|address|passport|iban|tax|token|secret|passw|session|authorization|signature|(?:^|_)ip",
    re.IGNORECASE,
)
"""Under such a name not even a number or a date stays."""
_ID_KEY = re.compile(r"(?:^|_)ids?$|Ids?$|ID$|^(?:account|deal|into|owner|record|rep|sourceId|transactionKey)$")
_ID = re.compile(r"[\w:.\-]*\d[\w:.\-]*\*?", re.ASCII)
"""An id has a digit: a name that serves as one does not stay."""
_LONGEST_ID = 128
_NUMBER = re.compile(r"-?\d{1,40}(?:\.\d{1,20})?", re.ASCII)
_NUMBER_KEY = re.compile(
    r"amount|value|price|revenue|total|duration|count|stage|probab|quantity|rate|percent|time|date|sequence|depth"
    r"|version|closed|won",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"2(?:0[1-9]|[1-9]\d)\d-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|/Date\((?:1[3-9]|2)\d{11,12}(?:[+-]\d{4})?\)/|\d\d:\d\d(?::\d\d)?",
    re.ASCII,
)
"""Since 2010: what is older may be the day on which somebody was born."""
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9][\w .:/+$\-=;]{0,99}", re.ASCII)
VALUE_OF = "_value"
"""Ends the key of what stands under ``value``, behind the key of what holds that: one of the two may be telling."""
_TRUTH = frozenset({"true", "false"})
WORD_KEYS = frozenset(
    {
        "__type",
        "$se_module",
        "action",
        "affected_fields",
        "call_status",
        "call_type",
        "calltype",
        "change_source",
        "changed_fields",
        "changedfields",
        "changeflag",
        "changesource",
        "changetype",
        "channel",
        "currency",
        "currencyisocode",
        "datacontenttype",
        "deal_currency_code",
        "dealstage",
        "difffields",
        "direction",
        "disposition",
        "entity",
        "entityname",
        "event",
        "event_cause",
        "event_type",
        "eventtype",
        "hs_call_direction",
        "hs_call_disposition",
        "hs_meeting_outcome",
        "hs_task_status",
        "key",
        "logicalname",
        "messagename",
        "module",
        "nulledfields",
        "object",
        "object_type",
        "objecttype",
        "objecttypeid",
        "operation",
        "outgoing_call_status",
        "primaryentityname",
        "propertyname",
        "quote_stage",
        "resource_type",
        "secondaryentityname",
        "specversion",
        "stage",
        "stagename",
        "status",
        "status_type",
        "stepname",
        "subscriptiontype",
        "tasksubtype",
        "type",
        "value_currency",
        "value_period",
        "version",
        "xsi:type",
    }
)
"""Fields, in lower case, whose values are the CRM's or an administrator's words."""


class Pseudonyms:
    """Of one run. ``key``: at random. ``words``: values that stay wherever they stand, such as a source's stages."""

    def __init__(self, key: bytes, words: Collection[str] = ()) -> None:
        self._key = key
        self._words = words

    def text(self, value: str, key: str) -> str:
        """What may be shown of a text that stands under a key."""
        if not value.strip() or self._stays(value, key):
            return value
        return self.instead_of(value)

    def number(self, value: str, key: str) -> str:
        """What may be shown of a number that stands under a key: all but that of a telephone or the like."""
        return self._digits(value, len(value)) if _PERSONAL_KEY.search(key) else value

    def name(self, value: str) -> str:
        """What may be shown of the name of a field: customers choose theirs, but hardly a person's."""
        return value if "@" not in value and len(value) <= _LONGEST_ID else self.instead_of(value)

    def instead_of(self, value: str) -> str:
        """The pseudonym, of the same form: the same for the same text, whatever its case and spaces."""
        digest = self._digest(value)
        if _EMAIL.fullmatch(value.strip()):
            return f"person-{digest}@example.com"
        if _URL.fullmatch(value.strip()):
            return f"https://example.com/{digest}"
        if _PHONE.fullmatch(value):
            return "+1555" + self._digits(value, 7)
        return f"Text {digest}" if value.isascii() else f"Tèxt {digest} 🚀"

    def _stays(self, value: str, key: str) -> bool:
        if value in self._words:
            return True
        if _PERSONAL_KEY.search(key) or "@" in value:
            return False
        if _TIME.fullmatch(value) or _GUID.fullmatch(value) or value.lower() in _TRUTH:
            return True
        plain = key.removesuffix(VALUE_OF)
        if plain.lower() in WORD_KEYS and _WORD.fullmatch(value):
            return True
        if _ID_KEY.search(plain) and len(value) <= _LONGEST_ID and _ID.fullmatch(value):
            return True
        return bool(_NUMBER_KEY.search(key) and _NUMBER.fullmatch(value))

    def _digest(self, value: str) -> str:
        plain = " ".join(value.split()).casefold()
        return hmac.digest(self._key, plain.encode(errors="backslashreplace"), hashlib.sha256).hex()[:12]

    def _digits(self, value: str, length: int) -> str:
        """Digits that are a number in JSON too: the first is no zero."""
        number = int(self._digest(value), 16)
        return "1" + str(number).zfill(length)[-(length - 1) :] if length > 1 else "1"
