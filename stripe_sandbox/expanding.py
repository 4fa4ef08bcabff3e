"""`expand`: an id becomes its object, and a few fields appear only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stripe_sandbox.errors import ApiError
from stripe_sandbox.store import Object, Transaction

Includer = Callable[[Transaction, Object], Any]
Maker = TypeVar("Maker", bound=Includer)
INCLUDED: dict[tuple[str, str], Includer] = {}


def included(kind: str, field: str) -> Callable[[Maker], Maker]:
    """Marks how a field that Stripe leaves out until asked is made, e.g. an invoice's payments."""

    def register(make: Maker) -> Maker:
        INCLUDED[kind, field] = make
        return make

    return register


def expand(tx: Transaction, body: Object, paths: list[str]) -> Object:
    for path in paths:
        steps = path.split(".")
        if len(steps) > (5 if steps[0] == "data" else 4):
            raise ApiError(
                f"You cannot expand more than 4 levels of a property. Property: {path}", param="expand", stored=False
            )
        _expand(tx, body, steps, path)
    return body


def _expand(tx: Transaction, node: Any, steps: list[str], path: str) -> None:
    if not steps or node is None:
        return
    if isinstance(node, list):
        for item in node:
            _expand(tx, item, steps, path)
        return
    name, rest = steps[0], steps[1:]
    if not isinstance(node, dict):
        raise _cannot(path)
    include = INCLUDED.get((node.get("object", ""), name))
    if include is not None and (name not in node or node[name] is None):
        node[name] = include(tx, node)
    if name not in node:
        if node.get("deleted"):
            return
        raise _cannot(path)
    value = node[name]
    if isinstance(value, str):
        node[name] = _object(tx, value, path)
    elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        node[name] = [_object(tx, v, path) for v in value]
    elif value is not None and not isinstance(value, dict | list):
        raise _cannot(path)
    _expand(tx, node[name], rest, path)


def _object(tx: Transaction, id: str, path: str) -> Object:
    found = tx.find(id)
    if found is None:
        raise _cannot(path)
    return found


def _cannot(path: str) -> ApiError:
    return ApiError(f"This property cannot be expanded ({path}).", param="expand", stored=False)
