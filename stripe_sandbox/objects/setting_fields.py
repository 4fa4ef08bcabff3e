"""How an update changes an object: given fields replace, "" clears, metadata merges key by key."""

from __future__ import annotations

from typing import Any

from stripe_sandbox.store import Object


def apply(body: Object, params: dict[str, Any], *fields: str) -> None:
    """Copy the named parameters; an empty string unsets."""
    for name in fields:
        if name in params:
            body[name] = None if params[name] == "" else params[name]


def merge_metadata(body: Object, params: dict[str, Any]) -> None:
    """Keys are added; an empty value removes its key; an empty `metadata` removes all (docs.stripe.com/metadata)."""
    given = params.get("metadata")
    if given is None:
        return
    if given == "":
        body["metadata"] = {}
        return
    merged = dict(body.get("metadata") or {}) | given
    body["metadata"] = {k: v for k, v in merged.items() if v != ""}


def address(given: dict[str, Any] | str | None) -> Object | None:
    if not isinstance(given, dict):
        return None
    return {name: given.get(name) or None for name in ("city", "country", "line1", "line2", "postal_code", "state")}
