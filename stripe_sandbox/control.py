"""The control door for tests and the demo: deliveries, clock, faults. Stripe has nothing like it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, url_for

from stripe_sandbox import deliveries, faults, paying, refunding
from stripe_sandbox.errors import ApiError
from stripe_sandbox.pages import page, sandbox

bp = Blueprint("control", __name__)


@bp.errorhandler(ApiError)
def refused(problem: ApiError) -> tuple[Response, int]:
    return jsonify(error=problem.message), problem.status


@bp.errorhandler(ValueError)
def wrong(problem: ValueError) -> tuple[Response, int]:
    return jsonify(error=str(problem)), 400


@bp.get("/health")
def health() -> Response:
    return Response("ok\n", mimetype="text/plain")


@bp.get("/_sandbox/")
def panel() -> Response:
    """The same levers for people: time, deliveries, faults."""
    with sandbox().store.read() as tx:
        rows = tx.conn.execute("SELECT body FROM event ORDER BY seq DESC LIMIT 25").fetchall()
        found = [deliveries.with_pending(tx, json.loads(row["body"])) for row in rows]
        for event in found:
            event["sent"] = deliveries.has_any(tx, event["id"])
        trials = [s["trial_end"] for s in tx.select("subscription") if s["status"] == "trialing"]
        return page(
            "control.html",
            now=datetime.fromtimestamp(tx.now, UTC),
            ahead=tx.offset,
            counts=deliveries.counts(tx),
            held=deliveries.is_held(tx),
            events=found,
            kinds=faults.KINDS,
            armed=faults.armed(tx),
            endpoints=tx.select("webhook_endpoint"),
            to_trial_end=min(trials) - tx.now + 7200 if trials else None,
            said=request.args.get("said", ""),
        )


@bp.post("/_sandbox/")
def pull() -> Response:
    """One lever of the panel."""
    form = request.form
    lever = form.get("lever", "")
    box = sandbox()
    if lever == "advance":
        box.advance(min(float(form.get("seconds", "0")), 366 * 86400))
        said = "Time has passed."
    elif lever in ("hold", "let go"):
        box.hold(lever == "hold")
        said = "Deliveries wait." if lever == "hold" else "Deliveries go out."
    elif lever == "release":
        said = f"{box.release(order=form.get('order', 'created'), times=2 if form.get('twice') else 1)} released."
    elif lever == "duplicate":
        said = f"{box.duplicate(form.get('event') or None)} queued again."
    elif lever == "drop":
        said = f"{box.drop()} lost."
    elif lever == "fail":
        box.fail(form.get("kind", "500"), times=int(form.get("times") or 1), seconds=15)
        said = "The next calls will fail."
    elif lever == "heal":
        box.heal()
        said = "Calls work again."
    else:
        said = ""
    return redirect(url_for("control.panel", said=said), 303)  # type: ignore[return-value]


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
    if "skew" in given:
        sandbox().set("signing_skew", str(float(given["skew"])))
    if "clock" in given:
        if given["clock"] not in ("wall", "sandbox"):
            raise ValueError("clock is wall or sandbox")
        sandbox().set("signing_clock", given["clock"])
    return jsonify(ok=True)


@bp.post("/_sandbox/settings")
def settings() -> Response:
    """`dunning_end` cancel|unpaid|paused|past_due, `retry_days` "1,3,5,7", `account_name`."""
    for name, value in _given().items():
        if name not in ("dunning_end", "retry_days", "account_name"):
            raise ValueError(f"unknown setting {name}")
        sandbox().set(name, str(value))
    return jsonify(ok=True)


@bp.post("/_sandbox/keys/revoke")
def revoke() -> Response:
    with sandbox().store.write() as tx:
        revoked = json.loads(tx.setting("revoked_keys", "[]"))
        tx.set("revoked_keys", json.dumps([*revoked, _given()["key"]]))
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
