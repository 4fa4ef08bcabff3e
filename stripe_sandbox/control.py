"""The control door for tests and the demo, in JSON: deliveries, clock, faults. Stripe has nothing like it.

The same levers for people are in control_page.py.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from stripe_sandbox import deliveries, paying, refunding
from stripe_sandbox.errors import ApiError
from stripe_sandbox.pages import sandbox
from stripe_sandbox.sandbox import SETTINGS

bp = Blueprint("control", __name__)


@bp.errorhandler(ApiError)
def refused(problem: ApiError) -> tuple[Response, int]:
    return jsonify(error=problem.message), problem.status


@bp.errorhandler(ValueError)
def wrong(problem: ValueError) -> tuple[Response, int]:
    return jsonify(error=str(problem)), 400


@bp.errorhandler(KeyError)
def left_out(problem: KeyError) -> tuple[Response, int]:
    return jsonify(error=f"{problem.args[0]} is missing"), 400


@bp.get("/health")
def health() -> Response:
    return Response("ok\n", mimetype="text/plain")


@bp.get("/_sandbox/events")
def events() -> Response:
    """Newest first, each with its deliveries."""
    limit = request.args.get("limit", 100, type=int)
    with sandbox().store.read() as tx:
        rows = tx.conn.execute(
            "SELECT id, body FROM event WHERE ? IS NULL OR type = ? ORDER BY seq DESC LIMIT ?",
            (request.args.get("type"), request.args.get("type"), limit),
        ).fetchall()
        found = []
        for row in rows:
            sent = tx.conn.execute(
                "SELECT endpoint, state, attempts, last_status FROM delivery WHERE event = ?", (row["id"],)
            )
            found.append(json.loads(row["body"]) | {"deliveries": [dict(d) for d in sent]})
        return jsonify(events=found)


@bp.get("/_sandbox/deliveries")
def delivery_counts() -> Response:
    with sandbox().store.read() as tx:
        return jsonify(deliveries.counts(tx) | {"held": deliveries.is_held(tx)})


@bp.post("/_sandbox/deliveries")
def hold() -> Response:
    sandbox().hold(_flag(_given(), "hold"))
    return delivery_counts()


@bp.post("/_sandbox/deliveries/release")
def release() -> Response:
    given = _given()
    count = sandbox().release(
        order=given.get("order", "created"),
        times=int(given.get("times", 1)),
        seed=int(given["seed"]) if "seed" in given else None,
    )
    return jsonify(released=count)


@bp.post("/_sandbox/deliveries/duplicate")
def duplicate() -> Response:
    given = _given()
    return jsonify(queued=sandbox().duplicate(given.get("event") or None, times=int(given.get("times", 1))))


@bp.post("/_sandbox/deliveries/drop")
def drop() -> Response:
    given = _given()
    types = given.get("types")
    return jsonify(dropped=sandbox().drop(types=[types] if isinstance(types, str) else types))


@bp.get("/_sandbox/clock")
def clock() -> Response:
    return jsonify(now=sandbox().now())


@bp.post("/_sandbox/clock/advance")
def advance() -> Response:
    seconds = float(_given()["seconds"])
    if not 0 <= seconds <= 366 * 86400 * 2:
        raise ValueError("seconds must be between 0 and two years")
    return jsonify(now=sandbox().advance(seconds))


@bp.post("/_sandbox/faults")
def fail() -> Response:
    given = _given()
    sandbox().fail(
        str(given["kind"]),
        times=int(given.get("times", 1)),
        match=given.get("match", ""),
        seconds=float(given.get("seconds", 30)),
    )
    return jsonify(armed=True)


@bp.delete("/_sandbox/faults")
def heal() -> Response:
    sandbox().heal()
    return jsonify(armed=False)


@bp.post("/_sandbox/signing")
def signing() -> Response:
    given = _given()
    sandbox().sign(skew=float(given["skew"]) if "skew" in given else None, clock=given.get("clock"))
    return jsonify(ok=True)


@bp.post("/_sandbox/settings")
def settings() -> Response:
    """`dunning_end` cancel|unpaid|paused|past_due, `retry_days` "1,3,5,7", `account_name`."""
    for name, value in _given().items():
        if name not in SETTINGS:
            raise ValueError(f"unknown setting {name}")
        sandbox().set(name, str(value))
    return jsonify(ok=True)


@bp.post("/_sandbox/keys/revoke")
def revoke() -> Response:
    sandbox().revoke(str(_given()["key"]))
    return jsonify(ok=True)


@bp.post("/_sandbox/pay")
def pay() -> Response:
    given = _given()
    step = sandbox().pay(
        given["session"],
        card=given.get("card", "4242424242424242"),
        code=given.get("code", ""),
        confirmed=_flag(given, "confirmed", True),
        base_url=request.host_url.rstrip("/"),
    )
    return jsonify(status=step.status, url=step.url, error=step.error.message if step.error else None)


@bp.post("/_sandbox/disputes")
def dispute() -> Response:
    """The payer's bank disputes a charge: {"charge": "ch_…"} or {"invoice": "in_…"}."""
    given = _given()
    with sandbox().store.write() as tx:
        charge = given.get("charge")
        if charge is None:
            intent = paying.intent_of(tx, tx.get("invoice", given["invoice"])["id"])
            charge = (intent or {}).get("latest_charge") or ""
        return jsonify(dispute=refunding.dispute(tx, tx.get("charge", charge))["id"])


@bp.post("/_sandbox/disputes/move")
def move_dispute() -> Response:
    """{"dispute": "du_…", "status": "appeal_under_review"}"""
    given = _given()
    with sandbox().store.write() as tx:
        moved = refunding.move_dispute(tx, tx.get("dispute", given["dispute"]), str(given["status"]))
        return jsonify(status=moved["status"])


@bp.post("/_sandbox/disputes/close")
def close_dispute() -> Response:
    given = _given()
    with sandbox().store.write() as tx:
        closed = refunding.close_dispute(tx, tx.get("dispute", given["dispute"]), won=_flag(given, "won"))
        return jsonify(status=closed["status"])


@bp.post("/_sandbox/reset")
def reset() -> Response:
    sandbox().reset()
    return jsonify(ok=True)


def _given() -> dict[str, Any]:
    return dict(request.get_json(silent=True) or request.form)


def _flag(given: dict[str, Any], name: str, default: bool = False) -> bool:
    return str(given.get(name, default)).lower() in ("1", "true", "on", "yes")
