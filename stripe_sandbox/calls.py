"""The table of calls the sandbox answers; each file in `objects/` adds its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe_sandbox import oracle
from stripe_sandbox.store import Object, Transaction


class Params(dict[str, Any]):
    """Typed parameters that remember which were looked at: one nobody read is one the sandbox does not simulate.

    Maps inside are watched in the same way once a name in them was asked for; one that is only copied as a whole, such
    as `metadata`, was read as a whole. Their `type` merely says which of the other names is meant.
    """

    def __init__(self, given: dict[str, Any], *, known: str = "expand") -> None:
        super().__init__({name: _watched(value) for name, value in given.items()})
        self.known = known
        self.seen: set[object] = {known}

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.seen.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.seen.add(name)
        return super().__contains__(name)

    def whole(self) -> dict[str, Any]:
        """All of it, for later use."""
        self.seen.update(self)
        return dict(self)

    def unread(self, prefix: str = "") -> list[str]:
        """Names as they stand in a request: trial_end, items[0][tax_rates]."""
        found = []
        for name, value in self.items():
            full = f"{prefix}[{name}]" if prefix else name
            if name not in self.seen:
                found.append(full)
                continue
            parts = enumerate(value) if isinstance(value, list) else [("", value)]
            for index, part in parts:
                if isinstance(part, Params) and part.seen != {part.known}:
                    found += part.unread(full if index == "" else f"{full}[{index}]")
        return sorted(found)


def _watched(value: Any) -> Any:
    if isinstance(value, dict):
        return Params(value, known="type")
    return [_watched(each) for each in value] if isinstance(value, list) else value


@dataclass
class Call:
    """One API request being answered: its transaction, its ids from the path, its typed parameters."""

    tx: Transaction
    ids: tuple[str, ...]
    params: Params
    base_url: str
    url: str = ""

    @property
    def id(self) -> str:
        return self.ids[0]


Handler = Callable[[Call], Object]


@dataclass(frozen=True)
class Answer:
    verb: str
    path: str
    handler: Handler
    pattern: re.Pattern[str]
    writes: bool

    @property
    def contract(self) -> oracle.Endpoint:
        endpoint = oracle.endpoint(self.verb, self.path)
        assert endpoint is not None, f"the SDK knows no {self.verb} {self.path}"
        return endpoint


ANSWERS: list[Answer] = []


def answers(verb: str, path: str) -> Callable[[Handler], Handler]:
    """`@answers("post", "/v1/customers/{}")`: verb and path exactly as the SDK writes them."""

    def register(handler: Handler) -> Handler:
        pattern = re.compile("^" + re.escape(path).replace(r"\{\}", "([^/]+)") + "$")
        ANSWERS.append(Answer(verb, path, handler, pattern, writes=verb != "get"))
        return handler

    return register


def find(verb: str, path: str) -> tuple[Answer, tuple[str, ...]] | None:
    """Fixed words win over ids: /v1/invoices/create_preview is no invoice."""
    matches = [(a, m.groups()) for a in ANSWERS if a.verb == verb and (m := a.pattern.match(path))]
    return min(matches, key=lambda found: len(found[1])) if matches else None
