"""The control page: the levers of the control door for people. One page each for a customer and an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.datastructures import ImmutableMultiDict

from stripe_sandbox import cards, deliveries, faults, invoicing, refunding, subscribing
from stripe_sandbox.api import base_url
from stripe_sandbox.errors import ApiError
from stripe_sandbox.pages import page, per_interval, sandbox, test_cards
from stripe_sandbox.sandbox import SETTINGS, Sandbox
from stripe_sandbox.store import Object, Transaction

bp = Blueprint("control_page", __name__)
Form = ImmutableMultiDict[str, str]
Lever = Callable[[Sandbox, Form], str]

CHARGED_BY_THEN = 2 * 3600  # a renewal's invoice is a draft for an hour
LONGEST_STEP = 2 * 366 * 86400
DUNNING_ENDS = {
    "cancel": "cancel the subscription",
    "unpaid": "mark it unpaid",
    "paused": "pause it",
    "past_due": "leave it overdue",
}
WORDS = {
    "renew": "renewal",
    "trial_notice": "notice that the trial will end",
    "finalise": "the draft is charged",
    "retry": "the card is tried again",
    "give_up": "the retries are over",
    "cancel": "the subscription ends",
    "resume_collection": "collection resumes",
    "drop_pending": "the unpaid change lapses",
    "expire_incomplete": "the unpaid beginning lapses",
    "expire_session": "the Checkout link expires",
    "dispute": "the bank disputes the payment",
}


@bp.get("/_sandbox/")
def panel() -> Response:
    """Time, deliveries, faults and settings, and the way to everybody and everything."""
    kind = request.args.get("type", "")
    with sandbox().store.read() as tx:
        return page(
            "control.html",
            now=tx.now,
            ahead=tx.offset,
            upcoming=_upcoming(tx),
            customers=[_person(tx, c) for c in tx.select("customer", limit=15)],
            sessions=[_sale(tx, s) for s in tx.select("checkout.session", limit=8)],
            counts=deliveries.counts(tx),
            held=deliveries.is_held(tx),
            endpoints=tx.select("webhook_endpoint"),
            events=_events(tx, kind),
            kinds_of_event=_kinds(tx),
            kind=kind,
            faults=faults.KINDS,
            armed=faults.armed(tx),
            dunning_ends=DUNNING_ENDS,
            dunning_end=tx.setting("dunning_end", "cancel"),
            retry_days=",".join(map(str, invoicing.retry_days(tx))),
            skew=float(tx.setting("signing_skew", "0")),
            signing_clock=tx.setting("signing_clock", "wall"),
            revoked=json.loads(tx.setting("revoked_keys", "[]")),
            **_heard(),
        )


@bp.get("/_sandbox/customers/<customer>")
def person(customer: str) -> Response:
    """One customer: what they have, what they paid, and what may happen to them next."""
    with sandbox().store.read() as tx:
        body = tx.find(customer, "customer")
        if body is None or body.get("deleted"):
            return page("control_missing.html", 404)
        subscriptions = [_plan(tx, s) for s in tx.select("subscription", customer=customer)]
        method = invoicing.default_method(tx, subscriptions[0]["body"] if subscriptions else None, customer)
        return page(
            "control_customer.html",
            now=tx.now,
            body=body,
            method=method,
            subscriptions=subscriptions,
            invoices=tx.select("invoice", customer=customer, limit=12),
            charges=[_payment(tx, c) for c in tx.select("charge", customer=customer, limit=12)],
            sessions=[_sale(tx, s) for s in tx.select("checkout.session", customer=customer, limit=5)],
            statuses=refunding.DISPUTE_STATUSES,
            test_cards=test_cards(),
            **_heard(),
        )


@bp.get("/_sandbox/events/<event>")
def happening(event: str) -> Response:
    """One event as it was frozen, and who has heard of it."""
    with sandbox().store.read() as tx:
        row = tx.conn.execute("SELECT body FROM event WHERE id = ?", (event,)).fetchone()
        if row is None:
            return page("control_missing.html", 404)
        sent = tx.conn.execute("SELECT * FROM delivery WHERE event = ? ORDER BY seq", (event,)).fetchall()
        body = deliveries.with_pending(tx, json.loads(row["body"]))
        return page(
            "control_event.html",
            event=body,
            text=json.dumps(body, indent=2),
            sent=[
                dict(s) | {"url": (tx.find(s["endpoint"]) or {}).get("url", "an endpoint that is gone")} for s in sent
            ],
            about=_about(tx, body["data"]["object"]),
            **_heard(),
        )


@bp.post("/_sandbox/")
def pull() -> Response:
    """One lever; back to the page it stands on, with a sentence about what happened."""
    form = request.form
    back = form.get("back", "")
    target = back if back.startswith("/_sandbox/") else url_for("control_page.panel")
    lever = LEVERS.get(form.get("lever", ""))
    try:
        if lever is None:
            raise ValueError("There is no such lever.")
        said, went_well = lever(sandbox(), form), 1
    except (ValueError, OverflowError, ApiError) as refusal:
        said, went_well = str(refusal), 0
    if said.startswith("/p/session/"):
        return redirect(said, 303)  # type: ignore[return-value]
    query = {"said": said} if went_well else {"refused": said}
    return redirect(f"{target}?{urlencode(query)}", 303)  # type: ignore[return-value]


# The levers


def _advance(box: Sandbox, form: Form) -> str:
    seconds = _number(form, "seconds", float)
    if not 0 < seconds <= LONGEST_STEP:
        raise ValueError("Time goes forward only, two years at a time at most.")
    box.advance(seconds)
    return f"Now it is {_moment(box.now())}."


def _go_to(box: Sandbox, form: Form) -> str:
    return _advance(box, ImmutableMultiDict({"seconds": str(_number(form, "at", float) - box.now() + 1)}))


def _hold(box: Sandbox, _: Form) -> str:
    box.hold()
    return "Deliveries wait from now on."


def _let_go(box: Sandbox, _: Form) -> str:
    box.hold(False)
    return "Deliveries go out again."


def _release(box: Sandbox, form: Form) -> str:
    count = box.release(order=form.get("order", "created"), times=2 if form.get("twice") else 1)
    return f"{_counted(count, 'delivery', 'deliveries')} let go."


def _duplicate(box: Sandbox, form: Form) -> str:
    return f"{_counted(box.duplicate(form.get('event') or None), 'delivery', 'deliveries')} queued again."


def _drop(box: Sandbox, form: Form) -> str:
    kind = form.get("type") or None
    return f"{_counted(box.drop(types=[kind] if kind else None), 'delivery', 'deliveries')} lost."


def _fail(box: Sandbox, form: Form) -> str:
    times = _number(form, "times", int)
    if not 1 <= times <= 1000:
        raise ValueError("Between 1 and 1,000 calls can be made to fail.")
    seconds = min(_number(form, "seconds", float, "15"), 120)
    box.fail(form.get("kind", ""), times=times, match=form.get("match", "").strip(), seconds=seconds)
    return f"Armed for the next {_counted(times, 'call', 'calls')}."


def _heal(box: Sandbox, _: Form) -> str:
    box.heal()
    return "Calls work again."


def _set(box: Sandbox, form: Form) -> str:
    for name in SETTINGS:
        if name in form:
            box.set(name, form[name])
    return "Kept."


def _sign(box: Sandbox, form: Form) -> str:
    box.sign(skew=_number(form, "skew", float, "0"), clock=form.get("clock", "wall"))
    return "Deliveries are signed so from now on."


def _revoke(box: Sandbox, form: Form) -> str:
    box.revoke(form.get("key", "").strip())
    return "That key is refused from now on."


def _readmit(box: Sandbox, _: Form) -> str:
    box.readmit()
    return "Every test key is good again."


def _refund(box: Sandbox, form: Form) -> str:
    amount = round(_number(form, "amount", float) * 100) if form.get("amount") else None
    with box.transaction() as tx:
        charge = tx.get("charge", form.get("charge", ""))
        tx.live_by(charge["customer"])
        refunding.refund(tx, charge, amount=amount)
    return "The money went back."


def _dispute(box: Sandbox, form: Form) -> str:
    with box.transaction() as tx:
        charge = tx.get("charge", form.get("charge", ""))
        tx.live_by(charge["customer"])
        refunding.dispute(tx, charge)
    return "The payer's bank has taken the money back and asks for evidence."


def _decide(box: Sandbox, form: Form) -> str:
    with box.transaction() as tx:
        moved = refunding.move_dispute(tx, tx.get("dispute", form.get("dispute", "")), form.get("status", ""))
    return f"The dispute is now: {moved['status'].replace('_', ' ')}."


def _use_card(box: Sandbox, form: Form) -> str:
    box.use_card(form.get("customer", ""), form.get("card", ""))
    return f"From now on this customer pays with: {cards.CARDS[form['card']].label.lower()}."


def _portal(box: Sandbox, form: Form) -> str:
    return box.open_portal(form.get("customer", ""), base_url=base_url()).removeprefix(base_url())


def _reset(box: Sandbox, form: Form) -> str:
    if form.get("sure") != "forget":
        raise ValueError("Tick the box first: everything is forgotten.")
    box.reset()
    return "Everything is forgotten. Run `flask billing setup` and `sync-prices` of the portal again."


LEVERS: dict[str, Lever] = {
    "advance": _advance,
    "go to": _go_to,
    "hold": _hold,
    "let go": _let_go,
    "release": _release,
    "duplicate": _duplicate,
    "drop": _drop,
    "fail": _fail,
    "heal": _heal,
    "set": _set,
    "sign": _sign,
    "revoke": _revoke,
    "readmit": _readmit,
    "refund": _refund,
    "dispute": _dispute,
    "decide": _decide,
    "use card": _use_card,
    "portal": _portal,
    "reset": _reset,
}


# What the pages show


def _upcoming(tx: Transaction) -> list[dict[str, Any]]:
    """What the calendar holds on the sandbox's own clock, soonest first."""
    rows = tx.conn.execute(
        "SELECT p.at, p.what, o.body FROM plan p JOIN object o ON o.id = p.ref WHERE p.clock = '' AND p.at > ? "
        "ORDER BY p.at, p.what LIMIT 6",
        (tx.now,),
    )
    found = []
    for row in rows:
        body = json.loads(row["body"])
        trial_ends = row["what"] == "renew" and body["status"] == "trialing"
        owner = tx.find(body.get("customer") or "", "customer") or {}
        found.append(
            {
                "at": row["at"],
                "words": "the trial ends" if trial_ends else WORDS[row["what"]],
                "who": owner.get("name") or owner.get("email") or "somebody",
                "customer": owner.get("id"),
            }
        )
    return found


def _person(tx: Transaction, customer: Object) -> dict[str, Any]:
    plans = tx.select("subscription", customer=customer["id"])
    running = [s for s in plans if s["status"] not in subscribing.DEAD]
    latest = next(iter(running or plans), None)
    return {"body": customer, "state": latest["status"] if latest else "no subscription", "ends": _ends(latest)}


def _ends(subscription: Object | None) -> int | None:
    return subscription["cancel_at"] if subscription and subscription["status"] not in subscribing.DEAD else None


def _plan(tx: Transaction, subscription: Object) -> dict[str, Any]:
    item = subscription["items"]["data"][0]
    is_running = subscription["status"] not in (*subscribing.DEAD, "paused", "incomplete")
    return {
        "body": subscription,
        "name": (tx.find(item["price"]["product"]) or {}).get("name", ""),
        "price": item["price"],
        "every": per_interval(item["price"]),
        "turns": subscribing.period_end(subscription),
        "may_go": is_running and subscription["test_clock"] is None,
        "charged_by": subscribing.period_end(subscription) + CHARGED_BY_THEN,
    }


def _payment(tx: Transaction, charge: Object) -> dict[str, Any]:
    disputes = tx.select("dispute", parent=charge["id"], limit=1)
    return {"body": charge, "dispute": disputes[0] if disputes else None}


def _sale(tx: Transaction, session: Object) -> dict[str, Any]:
    owner = tx.find(session["customer"] or "", "customer") or {}
    return {
        "body": session,
        "who": owner.get("name") or owner.get("email") or session["customer_email"] or "a newcomer",
    }


def _events(tx: Transaction, kind: str) -> list[dict[str, Any]]:
    rows = tx.conn.execute(
        "SELECT id, type, created, body FROM event WHERE ? IN ('', type) ORDER BY seq DESC LIMIT 20", (kind,)
    ).fetchall()
    found = []
    for row in rows:
        states = {r["state"] for r in tx.conn.execute("SELECT state FROM delivery WHERE event = ?", (row["id"],))}
        thing = json.loads(row["body"])["data"]["object"]
        found.append(dict(row) | {"state": _state(states), "about": _about(tx, thing)})
    return found


def _state(states: set[str]) -> str:
    """One word for all its deliveries, the worst first."""
    words = {"failed": "given up", "due": "waiting", "sending": "waiting", "dropped": "lost", "done": "sent"}
    return next((word for state, word in words.items() if state in states), "nobody listened")


def _about(tx: Transaction, thing: Object) -> dict[str, str | None]:
    """Whom an event's object concerns."""
    row = tx.conn.execute("SELECT customer FROM object WHERE id = ?", (thing["id"],)).fetchone()
    owner = tx.find(row["customer"], "customer") if row and row["customer"] else None
    if owner is None or owner.get("deleted"):
        return {"id": None, "name": ""}
    return {"id": owner["id"], "name": owner["name"] or owner["email"] or owner["id"]}


def _kinds(tx: Transaction) -> list[str]:
    return [row["type"] for row in tx.conn.execute("SELECT DISTINCT type FROM event ORDER BY type")]


def _heard() -> dict[str, Any]:
    return {"said": request.args.get("said", ""), "refused": request.args.get("refused", ""), "here": request.path}


def _number(form: Form, name: str, kind: Callable[[str], Any], default: str = "") -> Any:
    try:
        return kind(form.get(name) or default)
    except ValueError:
        raise ValueError(f"“{form.get(name, '')}” is no number.") from None


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%-d %B %Y, %H:%M UTC")
