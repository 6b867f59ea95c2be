"""The keys of the ledger, by the documents and not by our Rust code.

A digest is the SHA-256 of parts, each preceded by its length as eight bytes, big end first. A dedup
key is the first 32 hex digits of one. Where a key has a window, its record's name ends in `#` and the
slot: the accepted time in whole seconds, divided by the window, rounded down.
"""

import hashlib
import json

from .text import Raw, parse


def digest(*parts: bytes) -> str:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.hexdigest()


def dedup_key(*parts: str | bytes) -> str:
    return digest(*(p.encode() if isinstance(p, str) else p for p in parts))[:32]


def slot(accepted_at_ms: int, window_secs: int) -> int:
    return accepted_at_ms // 1000 // window_secs


def canonical(json_text: str) -> str:
    """One form of a JSON text whatever its white space, key order and escapes; numbers as written."""
    return _canonical(parse(json_text))


def _canonical(value) -> str:
    if isinstance(value, dict):
        members = (f"{_quoted(key)}:{_canonical(value[key])}," for key in sorted(value))
        return "{" + "".join(members) + "}"
    if isinstance(value, list):
        return "[" + "".join(_canonical(item) + "," for item in value) + "]"
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        return _quoted(value)
    return {True: "true", False: "false", None: "null"}[value]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
