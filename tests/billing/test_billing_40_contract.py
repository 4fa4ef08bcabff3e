"""Every request our code makes, and every answer and event it is given, has the shape the SDK knows."""

from __future__ import annotations

import ast
import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest

from portal.billing import asking, checking, comparing, reconciling, setting_up
from portal.billing.gateway import stripe_gateway
from portal.billing.models import BillingCustomer
from portal.core.clock import now
from stripe_sandbox import oracle
from tests.sandbox import KEY, Exchange

SOURCE = "\n".join(file.read_text() for file in sorted(Path(asking.__file__).parent.glob("*_calls.py")))


def calls_in(source: str) -> set[str]:
    """The routes behind each `v1.….…(` in a source, as the SDK itself writes them: post /v1/checkout/sessions."""
    import stripe

    v1 = stripe.StripeClient(KEY).v1
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name = ast.unparse(node.func)
        if name == "self._pages":  # page by page, by its path
            found.add(f"get {ast.literal_eval(node.args[0])}")
        if re.fullmatch(r"v1(\.\w+){2,}", name):
            method = v1
            for step in name.split(".")[1:]:
                method = getattr(method, step)
            verb, path = re.search(r'_request\(\s*"(\w+)",\s*f?"([^"]+)"', inspect.getsource(method)).groups()
            found.add(f"{verb} {re.sub(r'{[^}]*}', '{}', path)}")
    return found


def test_billing_40_every_request_our_code_makes_and_every_answer_and_event_validates(
    app, stripe, nina, join, begin, browse, make, clock
):
    """One life with much in it; then each exchange and event is read again."""
    client = stripe.client()
    with app.app_context():
        setting_up.ensure_portal()
        setting_up.ensure_portal()
        setting_up.ensure_endpoint()
    client.v1.webhook_endpoints.delete(client.v1.webhook_endpoints.list().data[0].id)
    with app.app_context():
        made, _ = setting_up.ensure_endpoint()
        setting_up.ensure_endpoint()
    with stripe.sandbox.transaction() as tx:  # as it stands after an upgrade of the SDK: another version, replaced
        tx.save(tx.get("webhook_endpoint", made) | {"api_version": "2026-09-30.dahlia"})
    with app.app_context():
        setting_up.ensure_endpoint()
        checking.findings()
    browser = join(nina, "monthly")
    browser.post("/account/billing/portal")
    customer = stripe.rows(BillingCustomer)[0].customer_id
    mia = make.member("Mia")
    _browser, session = begin(mia)
    with app.app_context():
        asks = stripe_gateway()
        asks.open_sessions(stripe.rows(BillingCustomer)[1].customer_id)
        asks.expire_session(session)
        asks.find_customer(email=nina.email, member_uuid=str(nina.uuid))
        asks.customer(customer)
        asks.tell_address(customer, "nina@example.com")
    _let_the_next_payment_fail(stripe, customer)
    clock.shift(timedelta(days=33))
    stripe.sandbox.advance(0)
    stripe.deliver()
    charge = client.v1.charges.list({"customer": customer}).data[-1].id
    client.v1.refunds.create({"charge": charge})
    stripe.deliver()
    with app.app_context():
        reconciling.fetch_missed_events()
        reconciling.pick_up_leftovers()
        comparing.compare_everything()
        stripe_gateway().reversals_since(now() - timedelta(days=60))
        stripe_gateway().cancel(client.v1.subscriptions.list({"customer": customer}).data[0].id)

    asked = {exchange.route for exchange in stripe.transport.exchanged}
    assert len(asked & calls_in(SOURCE)) > 25
    assert len(asked) > 25
    assert [finding for exchange in stripe.transport.exchanged for finding in exchange.findings()] == []
    events = stripe.sandbox.events()
    assert len({event["type"] for event in events}) > 20
    assert [finding for event in events for finding in oracle.event_findings(event)] == []


def test_billing_40_no_call_of_the_gateway_stays_untried(request, asked_so_far):
    """Runs last in this folder; only the whole folder can tell. Whoever adds a call adds a test that makes it."""
    called = calls_in(SOURCE)
    assert len(called) > 25
    if {item.path for item in request.session.items} >= set(Path(__file__).parent.glob("test_*.py")):
        assert called - asked_so_far == set()


def test_the_restricted_key_of_the_checklist_is_enough_for_every_call_and_writes_nothing_more():
    """deploy/stripe-going-live.md says which rights a key needs; the demo's own making of prices is not among them."""
    told = (Path(__file__).parents[2] / "deploy" / "stripe-going-live.md").read_text()
    rights = {
        path: right
        for paths, right in re.findall(r"^\| [^|]+ \| ([^|]+) \| (Read|Write) \|", told, re.M)
        for path in re.findall(r"`([^`]+)`", paths)
    }
    assert len(rights) > 12
    needed: dict[str, str] = {}
    for route in calls_in(ast.unparse(_without(ast.parse(SOURCE), "make_price"))):
        verb, path = route.split(" ")
        resource = next((known for known in rights if f"{path}/".startswith(f"{known}/")), None)
        assert resource, f"{route} needs a right that the list does not have"
        needed[resource] = "Write" if verb != "get" or needed.get(resource) == "Write" else "Read"
    assert {r: right for r, right in needed.items() if right == "Write" and rights[r] == "Read"} == {}
    too_much = {r for r, right in rights.items() if right == "Write" and needed.get(r) != "Write"}
    assert too_much <= {"/v1/subscription_schedules", "/v1/invoices"}, too_much


def _without(tree: ast.Module, name: str) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            node.body = [each for each in node.body if getattr(each, "name", "") != name]
    return tree


def _let_the_next_payment_fail(stripe, customer: str) -> None:
    client = stripe.client()
    method = client.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer})
    subscription = client.v1.subscriptions.list({"customer": customer}).data[0].id
    client.v1.subscriptions.update(subscription, {"default_payment_method": method.id})


@pytest.mark.parametrize(
    ("sent", "finding"),
    [
        ("email=a@example.com", None),
        ("e_mail=a@example.com", "Received unknown parameter: e_mail"),
        ("balance=lots", "Invalid integer: lots"),
        ("address[planet]=Mars", "Received unknown parameter: address[planet]"),
    ],
)
def test_billing_40_a_request_with_a_wrong_word_is_found(stripe, sent, finding):
    customer = stripe.client().v1.customers.create({"email": "a@example.com"})
    exchange = Exchange("post", "/v1/customers", sent, 200, str(customer))
    assert exchange.findings() == ([] if finding is None else [f"post /v1/customers: {finding}"])


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('"livemode":', '"live_mode":', "live_mode: not a field of Customer"),
        ('"balance": 0', '"balance": "0"', "balance: expected int, got '0'"),
        ('"object": "customer"', '"object": "costumer"', "object: 'costumer' is not one of customer"),
    ],
)
def test_billing_40_an_answer_with_a_wrong_field_is_found(stripe, old, new, finding):
    good = str(stripe.client().v1.customers.create({"email": "a@example.com"}))
    assert old in good
    found = Exchange("post", "/v1/customers", "email=a@example.com", 200, good.replace(old, new)).findings()
    assert any(finding in line for line in found), found


def test_billing_40_a_wrong_request_of_the_portals_would_end_the_test_that_makes_it(app, stripe):
    """What the fixture looks at after each test of this folder."""
    with pytest.raises(asking.StripeRefused):
        stripe_gateway_of(app)._ask(lambda v1: v1.customers.create({"e_mail": "a@example.com"}))
    refused = [exchange for exchange in stripe.transport.exchanged if exchange.is_outside_the_contract]
    assert [exchange.route for exchange in refused] == ["post /v1/customers"]
    stripe.transport.exchanged.clear()


def stripe_gateway_of(app):
    return app.extensions["stripe_gateway"]
