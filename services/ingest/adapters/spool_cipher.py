"""What the spool writes is encrypted where a key is configured: AES-256-GCM, a random nonce for each delivery.

The associated data binds a payload to its file and place, so that nobody moves deliveries between files unseen.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
NO_KEY = bytes(KEY_ID_BYTES)
"""Stands for a key's id in files that are not encrypted."""


class WrongKey(Exception):
    """None of our keys is the one that a file was written with."""


class Altered(Exception):
    """What was read is not what was written."""


def keys_of(text: str) -> tuple[bytes, ...]:
    """The keys of a setting: base64 of 32 bytes each, separated by commas or white space. Raises: ValueError."""
    return tuple(_key(word) for word in text.replace(",", " ").split())


def _key(word: str) -> bytes:
    try:
        key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key of the spool is base64 of {KEY_BYTES} bytes. Make one with: openssl rand -base64 32")
    return key


class Keyring:
    """Encrypts with the first key, decrypts with any; without keys, what is written can be read by who has the disk."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in reversed(keys)}
        self.writes_with = _key_id(keys[0]) if keys else NO_KEY

    def sealed(self, payload: bytes, key_id: bytes, *, bound_to: bytes) -> bytes:
        """The payload as it goes to the disk. Raises: WrongKey."""
        if key_id == NO_KEY:
            return payload
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(key_id).encrypt(nonce, payload, bound_to)

    def opened(self, sealed: bytes, key_id: bytes, *, bound_to: bytes) -> bytes:
        """The payload again. Raises: WrongKey, Altered."""
        if key_id == NO_KEY:
            return sealed
        try:
            return self._cipher(key_id).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise Altered("it was not written with this key at this place") from None

    def knows(self, key_id: bytes) -> bool:
        """Whether a file of this key can be read."""
        return key_id == NO_KEY or key_id in self._ciphers

    def _cipher(self, key_id: bytes) -> AESGCM:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise WrongKey(f"its key is none of ours (key {key_id.hex()})")
        return cipher


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"pacer spool " + key).digest()[:KEY_ID_BYTES]
