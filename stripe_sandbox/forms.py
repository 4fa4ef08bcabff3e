"""Stripe's form encoding: `items[0][price]=…` as nested maps; lists stay maps with number keys until typed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from stripe_sandbox.errors import bad_parameter


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in pairs:
        keys = [name.split("[", 1)[0], *re.findall(r"\[([^\[\]]*)\]", name)]
        node = tree
        for position, given in enumerate(keys):
            key = given or str(len(node))  # a[]=x appends
            if position == len(keys) - 1:
                node[key] = value
                break
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise bad_parameter(f"Invalid {name}", name)
    return tree
