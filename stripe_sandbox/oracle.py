"""What Stripe's API looks like, read from the installed SDK: the SDK is generated from Stripe's own specification.

`endpoints()` lists what there is, `read_params` checks a request against the SDK's params TypedDict and turns form
text into values, `findings` checks an answer or an event against the SDK's resource class. Only types are known here,
not meaning. Everything is parsed from source on first use and kept: a route pays once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stripe_sandbox.errors import bad_parameter

_PRIMITIVES = {"str": str, "int": int, "bool": bool, "float": float, "Decimal": Decimal}


@dataclass(frozen=True)
class Endpoint:
    """One call of Stripe's API: `params` and `returns` name SDK classes as (module, qualified name)."""

    verb: str
    path: str  # /v1/customers/{}
    params: tuple[str, str] | None
    returns: tuple[str, str] | None
    returns_list: bool


@dataclass(frozen=True)
class Kind:
    """A type, reduced to what can be checked: str int bool float Decimal any literal list map record union null."""

    name: str
    values: tuple[str | bool | None, ...] = ()
    parts: tuple[Kind, ...] = ()
    record: tuple[str, str] | None = None


_NULL = Kind("null")


@dataclass(frozen=True)
class Field:
    kind: Kind
    required: bool


# The list of endpoints


@cache
def endpoints() -> Mapping[tuple[str, str], Endpoint]:
    """Every call under /v1 the SDK knows, by verb and path with `{}` for each id."""
    found: dict[tuple[str, str], Endpoint] = {}
    for file in sorted(_sdk_root().rglob("*_service.py")):
        for endpoint in _endpoints_in(_module_of(file)):
            found[endpoint.verb, endpoint.path] = endpoint
    return found


@cache
def endpoint(verb: str, path: str) -> Endpoint | None:
    """One call, without reading the whole SDK: only the services whose source names the path's fixed part."""
    fixed = path.split("{", 1)[0].rstrip("/")
    for file in sorted(_sdk_root().rglob("*_service.py")):
        if f'"{fixed}' in file.read_text():
            for candidate in _endpoints_in(_module_of(file)):
                if (candidate.verb, candidate.path) == (verb, path):
                    return candidate
    return None


def knows(verb: str, path: str) -> bool:
    """Whether Stripe has this call, for a path with its ids filled in. Reads only the services that speak of it."""
    steps = path.split("/")
    for file in sorted(_sdk_root().rglob("*_service.py")):
        if f'"{"/".join(steps[:3])}' in file.read_text():
            templates = [e.path.split("/") for e in _endpoints_in(_module_of(file)) if e.verb == verb]
            if any(len(t) == len(steps) and all(map(_is_step, t, steps)) for t in templates):
                return True
    return False


def _is_step(template: str, step: str) -> bool:
    return template in ("{}", step)


def _endpoints_in(module: str) -> Iterator[Endpoint]:
    for service in _source(module).classes.values():
        for method in service.body:
            if not isinstance(method, ast.FunctionDef):
                continue
            call = next(
                (
                    n
                    for n in ast.walk(method)
                    if isinstance(n, ast.Call) and _called(n) == "_request" and len(n.args) > 1
                ),
                None,
            )
            if call is None or not isinstance(call.args[0], ast.Constant):
                continue
            path = _path(call.args[1])
            if not path.startswith("/v1/"):
                continue
            params = next((a.annotation for a in method.args.args if a.arg == "params"), None)
            returns = _unquoted(method.returns) if method.returns else None
            returns_list = isinstance(returns, ast.Subscript) and _text(returns.value).endswith("ListObject")
            if isinstance(returns, ast.Subscript):
                returns = returns.slice
            yield Endpoint(
                verb=str(call.args[0].value),
                path=path,
                params=_first_class(module, params),
                returns=_first_class(module, returns),
                returns_list=returns_list,
            )


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _path(node: ast.expr) -> str:
    constant = next((n for n in ast.walk(node) if isinstance(n, ast.Constant) and str(n.value).startswith("/")), None)
    return re.sub(r"\{[^}]*\}", "{}", str(constant.value)) if constant else ""


def _first_class(module: str, node: ast.expr | None) -> tuple[str, str] | None:
    if node is None:
        return None
    for name in re.findall(r"[A-Za-z_][A-Za-z_0-9]*", _text(node)):
        record = _resolve(module, "", name)
        if record and name not in ("Optional", "Union"):
            return record
    return None


# Requests


def read_params(record: tuple[str, str], raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Form text as typed values. Raises ApiError 400 as Stripe does, e.g. `parameter_unknown`."""
    fields = fields_of(record)
    for name in raw:
        if name not in fields:
            raise bad_parameter(
                f"Received unknown parameter: {_named(prefix, name)}", _named(prefix, name), "parameter_unknown"
            )
    for name, field in fields.items():
        if field.required and name not in raw:
            raise bad_parameter(
                f"Missing required param: {_named(prefix, name)}.", _named(prefix, name), "parameter_missing"
            )
    return {name: _read(fields[name].kind, value, _named(prefix, name)) for name, value in raw.items()}


def _read(kind: Kind, raw: Any, param: str) -> Any:
    parts = kind.parts if kind.name == "union" else (kind,)
    literals = [p for p in parts if p.name == "literal"]
    allowed = [v for p in literals for v in p.values]
    if isinstance(raw, str):
        return _read_text(parts, allowed, raw, param)
    if isinstance(raw, Mapping):
        for part in parts:
            if part.name == "list" and all(k.isdigit() for k in raw):
                return [_read(part.parts[0], raw[k], f"{param}[{k}]") for k in sorted(raw, key=int)]
            if part.name == "map":
                return {k: _read(part.parts[0], v, f"{param}[{k}]") for k, v in raw.items()}
            if part.name == "record" and part.record:
                return read_params(part.record, raw, param)
        raise bad_parameter(f"Invalid {param}: unexpected hash", param)
    raise bad_parameter(f"Invalid {param}", param)


def _read_text(parts: tuple[Kind, ...], allowed: list[Any], raw: str, param: str) -> Any:
    if raw in allowed:
        return raw
    names = {p.name for p in parts}
    # "Literal[…]|str" says "more values may come": here the open end is closed, or any typing mistake would pass.
    closed = [v for v in allowed if v != ""]
    if "bool" in names and raw in ("true", "false"):
        return raw == "true"
    if "int" in names and re.fullmatch(r"-?\d{1,18}", raw):
        return int(raw)
    if "float" in names and _is_number(raw):
        return float(raw)
    if "Decimal" in names and _is_number(raw):
        return raw
    if "any" in names or ("str" in names and not closed):
        return raw
    if closed:
        last = f"one of {', '.join(str(v) for v in closed)}"
        raise bad_parameter(f"Invalid {param}: must be {last}", param)
    if raw == "":
        raise bad_parameter(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset "
            f"a parameter; however '{param}' cannot be unset.",
            param,
            "parameter_invalid_empty",
        )
    if "int" in names:
        raise bad_parameter(f"Invalid integer: {raw}", param, "parameter_invalid_integer")
    if "bool" in names:
        raise bad_parameter(f"Invalid boolean: {raw}", param)
    expected = "array" if "list" in names else "object"
    raise bad_parameter(f"Invalid {expected}", param)


def _is_number(raw: str) -> bool:
    try:
        return Decimal(raw).is_finite()
    except InvalidOperation:
        return False


def _named(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


# Answers and events


def findings(record: tuple[str, str], value: Any, where: str = "") -> list[str]:
    """What is wrong with an answer, one line for each fault; empty when the SDK would read it without surprise."""
    return list(_faults(Kind("record", record=record), value, where or record[1]))


def answer_findings(endpoint: Endpoint, body: Any) -> list[str]:
    if endpoint.returns is None:
        return []
    kind = Kind("record", record=endpoint.returns)
    return list(_faults(Kind("list_object", parts=(kind,)) if endpoint.returns_list else kind, body, endpoint.path))


def event_findings(event: Mapping[str, Any]) -> list[str]:
    """The envelope, and the object inside by its own class."""
    inner = event["data"]["object"]
    faults = findings(class_of("event"), event)
    record = class_of(inner["object"])
    faults += findings(record, inner, f"{event['type']}: {inner['object']}")
    return faults + _previous_faults(record, event["data"].get("previous_attributes") or {}, event["type"])


def error_findings(body: Mapping[str, Any]) -> list[str]:
    """A refusal by the class the SDK reads it into."""
    return findings(("stripe._error_object", "ErrorObject"), body.get("error"), "error")


def _previous_faults(record: tuple[str, str], previous: Mapping[str, Any], type: str) -> list[str]:
    """Old values are held against their fields. A map in them holds only the keys that differ, so none is missing, and
    null stands for what was not there before."""
    known = fields_of(record)
    faults = []
    for name, value in previous.items():
        where = f"{type}: previous_attributes.{name}"
        if name not in known:
            faults.append(f"{where} is no field of {record[1]}")
        elif value is not None:
            faults += [
                f for f in _faults(known[name].kind, value, where) if not f.endswith((": missing", ", got None"))
            ]
    return faults


@cache
def class_of(object_name: str) -> tuple[str, str]:
    """The SDK class for an `object` value such as "checkout.session"."""
    from stripe._object_classes import OBJECT_CLASSES

    module, name = OBJECT_CLASSES[object_name]
    return module, name


def _faults(kind: Kind, value: Any, where: str) -> Iterator[str]:
    if kind.name == "union":
        yield from _union_faults(kind, value, where)
    elif kind.name == "null":
        if value is not None:
            yield f"{where}: expected null"
    elif kind.name == "literal":
        if value not in kind.values:
            yield f"{where}: {value!r} is not one of {', '.join(map(str, kind.values[:8]))}"
    elif kind.name == "list":
        if not isinstance(value, list):
            yield f"{where}: expected a list, got {value!r}"
        else:
            for index, item in enumerate(value):
                yield from _faults(kind.parts[0], item, f"{where}[{index}]")
    elif kind.name == "list_object":
        yield from _list_object_faults(kind, value, where)
    elif kind.name == "map":
        if not isinstance(value, dict):
            yield f"{where}: expected a map, got {value!r}"
        else:
            for key, item in value.items():
                yield from _faults(kind.parts[0], item, f"{where}.{key}")
    elif kind.name == "record" and kind.record:
        yield from _record_faults(kind.record, value, where)
    elif not _fits(kind.name, value):
        yield f"{where}: expected {kind.name}, got {value!r}"


def _fits(name: str, value: Any) -> bool:
    if name == "any":
        return True
    if name == "bool":
        return isinstance(value, bool)
    if name in ("int", "float"):
        number = int if name == "int" else (int, float)
        return isinstance(value, number) and not isinstance(value, bool)
    if name == "Decimal":
        return isinstance(value, str) and _is_number(value)
    return isinstance(value, str)


def _union_faults(kind: Kind, value: Any, where: str) -> Iterator[str]:
    parts = kind.parts
    if value is None and _NULL in parts:
        return  # by far the most frequent case
    if any(p.name == "literal" for p in parts):
        parts = tuple(p for p in parts if p.name != "str")
    attempts = [list(_faults(part, value, where)) for part in parts]
    if any(not attempt for attempt in attempts):
        return
    fitting = [a for a, p in zip(attempts, parts, strict=True) if isinstance(value, dict) and p.name == "record"]
    yield from min(fitting or [a for a, p in zip(attempts, parts, strict=True) if p.name != "null"], key=len)


def _list_object_faults(kind: Kind, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.get("object") != "list":
        yield f"{where}: expected a list object, got {value!r}"
        return
    if not isinstance(value.get("has_more"), bool) or not isinstance(value.get("url"), str):
        yield f"{where}: a list object needs has_more and url"
    yield from _faults(Kind("list", parts=kind.parts), value.get("data"), f"{where}.data")


def _record_faults(record: tuple[str, str], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: expected {record[1]}, got {value!r}"
        return
    fields = fields_of(record)
    gone = value.get("deleted") is True and "deleted" in fields
    for name in value:
        if name not in fields:
            yield f"{where}.{name}: not a field of {record[1]}"
    for name, field in fields.items():
        if name in value:
            yield from _faults(field.kind, value[name], f"{where}.{name}")
        elif field.required and not (gone and name not in ("id", "object")):
            yield f"{where}.{name}: missing"


# Classes of the SDK, from their source


@dataclass(frozen=True)
class _Source:
    """One SDK module: its classes by qualified name, and where each imported name comes from."""

    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str]]
    functional: dict[str, dict[str, ast.expr]]  # TypedDict("…", {"from": …}), used where a key is a keyword


@cache
def fields_of(record: tuple[str, str]) -> Mapping[str, Field]:
    module, name = record
    source = _source(module)
    node = source.classes[name]
    fields: dict[str, Field] = {}
    for base in node.bases:
        text = _text(base)
        if text in source.functional:
            for key, annotation in source.functional[text].items():
                fields[key] = _field(module, name, annotation)
        elif text in source.classes:
            fields.update(fields_of((module, text)))
    is_params = name.rsplit(".", 1)[-1].find("Params") >= 0
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if "ClassVar" not in _text(statement.annotation) and not statement.target.id.startswith("_"):
            fields[statement.target.id] = _field(module, name, statement.annotation, is_params=is_params)
    return fields


def _field(module: str, scope: str, annotation: ast.expr, *, is_params: bool = True) -> Field:
    annotation = _unquoted(annotation)
    if is_params:
        if isinstance(annotation, ast.Subscript) and _text(annotation.value) == "NotRequired":
            return Field(_kind(module, scope, annotation.slice), required=False)
        return Field(_kind(module, scope, annotation), required=True)
    kind = _kind(module, scope, annotation)
    nullable = kind.name == "union" and any(p.name == "null" for p in kind.parts)
    return Field(kind, required=not nullable)


def _kind(module: str, scope: str, node: ast.expr) -> Kind:
    node = _unquoted(node)
    if isinstance(node, ast.Constant) and node.value is None:
        return Kind("null")
    if isinstance(node, ast.BinOp):
        return _union(_kind(module, scope, node.left), _kind(module, scope, node.right))
    if isinstance(node, ast.Subscript):
        return _generic(module, scope, _text(node.value), node.slice)
    name = _text(node)
    if name in _PRIMITIVES:
        return Kind(name)
    if name in ("Any", "object"):
        return Kind("any")
    record = _resolve(module, scope, name)
    return Kind("record", record=record) if record else Kind("any")


def _generic(module: str, scope: str, outer: str, inner: ast.expr) -> Kind:
    parts = list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    if outer == "Literal":
        return Kind("literal", values=tuple(p.value for p in parts if isinstance(p, ast.Constant)))  # type: ignore[misc]
    kinds = [_kind(module, scope, p) for p in parts]
    if outer == "Optional":
        return _union(kinds[0], Kind("null"))
    if outer == "Union":
        return _union(*kinds)
    if outer == "ExpandableField":
        return _union(Kind("str"), *kinds)
    if outer == "List":
        return Kind("list", parts=(kinds[0],))
    if outer in ("Dict", "UntypedStripeObject"):
        return Kind("map", parts=(kinds[-1],))
    if outer == "ListObject":
        return Kind("list_object", parts=(kinds[0],))
    return Kind("any")


def _union(*kinds: Kind) -> Kind:
    parts: list[Kind] = []
    for kind in kinds:
        parts.extend(kind.parts if kind.name == "union" else (kind,))
    return Kind("union", parts=tuple(dict.fromkeys(parts)))


def _resolve(module: str, scope: str, name: str) -> tuple[str, str] | None:
    source = _source(module)
    outer = scope
    while True:
        qualified = f"{outer}.{name}" if outer else name
        if qualified in source.classes:
            return module, qualified
        if not outer:
            break
        outer = outer.rpartition(".")[0]
    if name in source.imports:
        target, original = source.imports[name]
        if _file_of(target) and original in _source(target).classes:
            return target, original
    return None


@cache
def _source(module: str) -> _Source:
    file = _file_of(module)
    assert file is not None, module
    tree = ast.parse(file.read_text())
    classes: dict[str, ast.ClassDef] = {}
    imports: dict[str, tuple[str, str]] = {}
    functional: dict[str, dict[str, ast.expr]] = {}

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                classes[prefix + node.name] = node
                collect(node.body, f"{prefix}{node.name}.")

    collect(tree.body, "")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                imports[alias.asname or alias.name] = (node.module, alias.name)
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _text(node.value.func) == "TypedDict":
            mapping = node.value.args[1]
            if isinstance(mapping, ast.Dict):
                functional[_text(node.targets[0])] = {
                    str(k.value): v
                    for k, v in zip(mapping.keys, mapping.values, strict=True)
                    if isinstance(k, ast.Constant)
                }
    return _Source(classes, imports, functional)


def _unquoted(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value.strip(), mode="eval").body
    return node


def _text(node: ast.expr) -> str:
    return ast.unparse(node)


@cache
def _file_of(module: str) -> Path | None:
    if not module.startswith("stripe"):
        return None
    base = _sdk_root().parent / module.replace(".", "/")
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _module_of(file: Path) -> str:
    return ".".join(file.relative_to(_sdk_root().parent).with_suffix("").parts)


@cache
def _sdk_root() -> Path:
    spec = find_spec("stripe")
    assert spec is not None, "the contract needs the stripe package"
    assert spec.origin is not None
    return Path(spec.origin).parent
