"""The door under /v1: key, faults, idempotency, parameters, the answer, and its check against the SDK's types."""

from __future__ import annotations

import json
import logging
import socket
import time
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from stripe_sandbox import calls, clock, expanding, faults, forms, idempotency, oracle
from stripe_sandbox.errors import ApiError
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import API_VERSION, Object, Store, Transaction, new_id

log = logging.getLogger("stripe_sandbox")
bp = Blueprint("api", __name__)


DROPPED = "Sandbox-Dropped"  # an in-process transport sees this header where a socket would just be gone


class _Dropped(Exception):
    """The connection is gone: nothing more can be said."""


@bp.app_errorhandler(_Dropped)
def dropped(_: _Dropped) -> Response:
    return Response("", 500, headers={DROPPED: "1"})


@bp.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE"])
def answer(rest: str) -> Response:
    request_id = new_id("req_", 14)
    headers: dict[str, str] = {}
    try:
        fault = _fault()
        if fault and (broken := _break_before(fault, request_id)):
            return broken
        status, body = _answer(request_id, headers)
        if fault and fault.kind in ("timeout", "drop_after"):
            if fault.kind == "timeout":
                time.sleep(fault.seconds)
            _drop()
    except _Dropped:
        raise
    except Exception as trouble:  # noqa: BLE001 - Stripe never answers its API with anything but JSON
        refusal = _as_refusal(trouble)
        status, body = refusal.status, json.dumps(_checked(refusal.body(request_id)))
    response = Response(body, status, mimetype="application/json")
    response.headers["Request-Id"] = headers.pop("Request-Id", request_id)
    response.headers["Stripe-Version"] = API_VERSION
    response.headers.update(headers)
    return response


def _as_refusal(trouble: Exception) -> ApiError:
    """What the caller is told when something went wrong; whatever is our own mistake is logged and says so."""
    if isinstance(trouble, ApiError):
        return trouble
    if isinstance(trouble, RequestEntityTooLarge):
        return ApiError("The request is larger than the 1 MB this sandbox takes.", status=413, stored=False)
    if isinstance(trouble, AssertionError):
        log.error("contract %s %s %s", request.method, request.path, trouble)
        return ApiError(f"Sandbox breaks its contract: {trouble}", status=500, type="api_error", stored=False)
    log.error("broken %s %s", request.method, request.path, exc_info=trouble)
    return ApiError(f"The sandbox itself failed: {type(trouble).__name__}", status=500, type="api_error", stored=False)


def _checked(error: Object) -> Object:
    if _store().strict and (wrong := oracle.error_findings(error)):
        log.error("contract of an error: %s", "; ".join(wrong))
        return {"error": {"type": "api_error", "message": f"Sandbox breaks its contract: {'; '.join(wrong)}"}}
    return error


def _answer(request_id: str, headers: dict[str, str]) -> tuple[int, str]:
    store = _store()
    _check_key(store)
    verb, path = request.method.lower(), request.path
    found = calls.find(verb, path)
    if found is None:
        raise _unrecognised(path)
    call_answer, ids = found
    raw = _raw_body()
    clock.catch_up(store)
    if not call_answer.writes:
        params = _params(call_answer, raw)
        with store.read() as tx:
            return 200, json.dumps(_run(call_answer, tx, ids, params))
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        headers["Idempotency-Key"] = key
    with _sandbox().keys.hold(key):
        return _write(store, call_answer, ids, raw, request_id, key, headers)


def _note_base_url(tx: Transaction) -> None:
    """Invoices that the calendar makes need an address too, long after any request."""
    if tx.setting("base_url", "") != (here := base_url()):
        tx.set("base_url", here)


def _write(
    store: Store,
    call_answer: calls.Answer,
    ids: tuple[str, ...],
    raw: bytes,
    request_id: str,
    key: str | None,
    headers: dict[str, str],
) -> tuple[int, str]:
    print_ = idempotency.fingerprint(call_answer.verb, request.path, raw)
    with store.write(request=request_id, key=key) as tx:
        if key is not None and (stored := idempotency.recall(tx, key, print_)):
            headers["Idempotent-Replayed"] = "true"
            headers["Original-Request"] = stored[2]
            return stored[0], stored[1]
        params = _params(call_answer, raw)
        _note_base_url(tx)
        tx.conn.execute("SAVEPOINT work")
        try:
            status, body = 200, _run(call_answer, tx, ids, params)
        except ApiError as refusal:
            if not refusal.stored:
                raise
            if not refusal.keeps:
                tx.conn.execute("ROLLBACK TO work")
            status, body = refusal.status, refusal.body(request_id)
        if key is not None:
            idempotency.remember(tx, key, print_, status, body, request_id)
        return status, json.dumps(body)


def _run(call_answer: calls.Answer, tx: Transaction, ids: tuple[str, ...], params: dict[str, Any]) -> Object:
    given = calls.Params(params)
    call = calls.Call(tx=tx, ids=ids, params=given, base_url=base_url(), url=request.path)
    body = call_answer.handler(call)
    if unread := given.unread():
        raise ApiError(
            f"This sandbox does not simulate {', '.join(unread)} on {call_answer.verb} {call_answer.path}.",
            status=501,
            type="api_error",
            stored=False,
        )
    body = expanding.expand(tx, body, params.get("expand", []))
    if tx.store.strict and (wrong := oracle.answer_findings(call_answer.contract, body)):
        raise AssertionError("; ".join(wrong))
    return body


def _params(call_answer: calls.Answer, raw: bytes) -> dict[str, Any]:
    pairs = list(request.args.items(multi=True))
    if raw:
        pairs += list(request.form.items(multi=True))
    contract = call_answer.contract
    tree = forms.nested(pairs)
    return oracle.read_params(contract.params, tree) if contract.params else tree


def _raw_body() -> bytes:
    return request.get_data(cache=True, parse_form_data=False)


def _check_key(store: Store) -> None:
    auth = request.authorization
    key = (auth.token or auth.username or "") if auth else ""
    if not key:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
            stored=False,
        )
    if not key.startswith(("sk_test_", "rk_test_")):
        raise ApiError(
            f"Invalid API Key provided: {key[:8]}{'*' * 12}. This sandbox takes test keys only.",
            status=401,
            stored=False,
        )
    with store.read() as tx:
        if key in json.loads(tx.setting("revoked_keys", "[]")):
            raise ApiError(
                f"Expired API Key provided: {key[:8]}{'*' * 12}", status=401, code="api_key_expired", stored=False
            )
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise ApiError(f"This sandbox speaks {API_VERSION}, not {version}.", stored=False)


def _unrecognised(path: str) -> ApiError:
    verb = request.method
    if oracle.knows(verb.lower(), path):
        return ApiError(
            f"Stripe has {verb} {path}, this sandbox does not (stripe_sandbox/README.md lists what it has).",
            status=501,
            type="api_error",
            stored=False,
        )
    return ApiError(
        f"Unrecognized request URL ({verb}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
        status=404,
        stored=False,
    )


def _fault() -> faults.Fault | None:
    store = _store()
    with store.read() as tx:
        if not faults.any_armed(tx):
            return None
    with store.write() as tx:
        return faults.next_for(tx, f"{request.method} {request.path}")


def _break_before(fault: faults.Fault, request_id: str) -> Response | None:
    if fault.kind == "slow":
        time.sleep(fault.seconds)
    if fault.kind == "drop":
        _drop()
    if fault.kind == "502":
        return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, mimetype="text/html")
    if fault.kind == "429":
        raise ApiError("Request rate limit exceeded.", status=429, code="rate_limit", stored=False)
    if fault.kind == "409":
        raise ApiError(
            "This object cannot be accessed right now because another API request or Stripe process is "
            "currently accessing it.",
            status=409,
            code="lock_timeout",
            stored=False,
        )
    if fault.kind == "500":
        refusal = ApiError("An unknown error occurred", status=500, type="api_error")
        key = request.headers.get("Idempotency-Key")
        if key is not None and request.method != "GET":
            with _store().write() as tx:
                print_ = idempotency.fingerprint(request.method.lower(), request.path, _raw_body())
                if idempotency.recall(tx, key, print_) is None:
                    idempotency.remember(tx, key, print_, 500, refusal.body(request_id), request_id)
        raise refusal
    return None


def _drop() -> None:
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise _Dropped


def base_url() -> str:
    """Where the hosted pages are, as the caller reaches us; SANDBOX_PUBLIC_URL says it when a proxy stands between."""
    public = current_app.config.get("PUBLIC_URL")
    return str(public).rstrip("/") if public else request.host_url.rstrip("/")


def _store() -> Store:
    return _sandbox().store


def _sandbox() -> Sandbox:
    sandbox: Sandbox = current_app.extensions["sandbox"]
    return sandbox
