"""What happens on the Checkout page: a code is tried, a card is paid with, the bank is asked, the session ends."""

from __future__ import annotations

from dataclasses import dataclass

from stripe_sandbox import cards, discounting, identifying, invoicing, paying, subscribing
from stripe_sandbox.amounts import Discounting, Sum, add_up
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import address
from stripe_sandbox.store import Object, Transaction, changes, new_id


@dataclass(frozen=True)
class Payer:
    """What the form says about who pays."""

    email: str | None = None
    name: str | None = None
    country: str | None = None
    postal_code: str | None = None
    business_name: str | None = None
    tax_id: str | None = None


@dataclass(frozen=True)
class Step:
    """What comes next: done, challenge (at the bank), or failed with a sentence; where done leads."""

    status: str
    url: str | None = None
    error: ApiError | None = None


def sum_of(tx: Transaction, session: Object, *, country: str | None = None) -> Sum:
    """What is due today, as the page shows it."""
    secret = tx.private(session["id"])
    discounts = []
    for entry in session["discounts"] or []:
        coupon = tx.find(entry["coupon"]) if entry["coupon"] else None
        if coupon:
            discounts.append(Discounting(entry["coupon"], coupon))
    prices = [(tx.get("price", i["price"]), i["quantity"]) for i in secret["items"]]
    if country is None:
        owner = tx.find(session["customer"]) if session["customer"] else None
        country = ((owner or {}).get("address") or {}).get("country")
    amounts = [0 if trial_end(tx, session) else (p["unit_amount"] or 0) * q for p, q in prices]
    return add_up(
        amounts,
        discounts=discounts,
        country=country,
        taxed=session["automatic_tax"]["enabled"],
        inclusive=bool(prices) and prices[0][0]["tax_behavior"] == "inclusive",
    )


def show_totals(session: Object, total: Sum) -> None:
    session["amount_subtotal"], session["amount_total"] = total.subtotal, total.total
    session["total_details"] = {"amount_discount": total.discount, "amount_shipping": 0, "amount_tax": total.tax}
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete" if total.tax_rate else "requires_location_inputs"


def try_code(tx: Transaction, session: Object, typed: str) -> None:
    """Put a promotion code on the session; an empty one takes it off. Raises ApiError with a sentence."""
    if not typed.strip():
        session["discounts"] = []
    else:
        code = discounting.find_code(tx, typed, customer=session["customer"])
        coupon = tx.get("coupon", code["promotion"]["coupon"])
        if coupon["currency"] and coupon["currency"] != session["currency"]:
            raise ApiError("This code is for another currency.", param="promotion_code")
        session["discounts"] = [{"coupon": coupon["id"], "promotion_code": code["id"]}]
    show_totals(session, sum_of(tx, session))
    tx.save(session)


def pay(tx: Transaction, session: Object, typed: cards.TypedCard, payer: Payer, *, base_url: str) -> Step:
    """Pay with this card. A complete session stays as it is, however often the form comes."""
    if session["status"] != "open":
        return _ended(session)
    customer = _customer(tx, session, payer)
    method = paying.save_card(
        tx,
        typed,
        name=payer.name,
        email=payer.email or customer["email"],
        address=address({"country": payer.country, "postal_code": payer.postal_code}) if payer.country else None,
    )
    tx.set_private(session["id"], method=method["id"], base_url=base_url)
    customer = _note_payer(tx, session, customer, method["billing_details"], payer)
    return _go_on(tx, session, customer, method, authenticated=False)


def pay_nothing(tx: Transaction, session: Object, payer: Payer, *, base_url: str) -> Step:
    """No card wanted: a free trial or a full discount with `payment_method_collection=if_required`."""
    if session["status"] != "open":
        return _ended(session)
    customer = _customer(tx, session, payer)
    tx.set_private(session["id"], base_url=base_url)
    customer = _note_payer(tx, session, customer, {"name": payer.name}, payer)
    try:
        return _complete(tx, session, _subscription(tx, session, customer), None)
    except ApiError as refused:
        return Step("failed", error=refused)


def answer_bank(tx: Transaction, session: Object, *, confirmed: bool) -> Step:
    """The payer comes back from the bank's page."""
    secret = tx.private(session["id"])
    if session["status"] != "open" or not secret.get("challenge"):
        return _ended(session) if session["status"] != "open" else Step("failed")
    tx.set_private(session["id"], challenge=None)
    method = tx.get("payment_method", secret["method"])
    if confirmed:
        customer = tx.live("customer", session["customer"] or secret["customer"])
        return _go_on(tx, session, customer, method, authenticated=True)
    earlier = tx.find(secret.get("subscription") or "", "subscription")
    intent = paying.intent_of(tx, earlier["latest_invoice"]) if earlier else None
    return Step("failed", error=paying.refuse_authentication(tx, intent) if intent else paying.not_authenticated())


def expire(tx: Transaction, session: Object) -> Object:
    """Close an open session; the link shows that it expired."""
    session["status"], session["url"] = "expired", None
    tx.save(session)
    tx.plan("expire_session", session["id"], None)
    tx.emit("checkout.session.expired", session)
    return session


def needs_card(tx: Transaction, session: Object) -> bool:
    if session["payment_method_collection"] != "if_required":
        return True
    return sum_of(tx, session).total > 0 and trial_end(tx, session) is None


def trial_end(tx: Transaction, session: Object) -> int | None:
    """When the trial would end if the session were finished now."""
    secret = tx.private(session["id"])
    seconds: int | None = secret["trial_seconds"]
    fixed: int | None = secret["trial_end"]
    return fixed if seconds is None else tx.now + seconds


def _ended(session: Object) -> Step:
    return Step("done", url=return_url(session)) if session["status"] == "complete" else Step("expired")


def return_url(session: Object) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _customer(tx: Transaction, session: Object, payer: Payer) -> Object:
    if session["customer"]:
        return tx.live("customer", session["customer"])
    from stripe_sandbox.calls import Call, Params
    from stripe_sandbox.objects import customers

    secret = tx.private(session["id"])
    if secret.get("customer"):
        return tx.live("customer", secret["customer"])
    params = {"email": payer.email or session["customer_email"] or "", "name": payer.name or ""}
    customer = customers.create(Call(tx=tx, ids=(), params=Params(params), base_url=""))
    tx.set_private(session["id"], customer=customer["id"])
    return customer


def _go_on(tx: Transaction, session: Object, customer: Object, method: Object, *, authenticated: bool) -> Step:
    """With money due, a subscription begins `incomplete` and is charged; with nothing due, the card must first prove
    good, or a declined card would leave a running trial behind."""
    try:
        if sum_of(tx, session).total <= 0:
            outcome = paying.confirm_setup(tx, method, authenticated=authenticated)
            if outcome.status == "succeeded":
                return _complete(tx, session, _subscription(tx, session, customer), method)
        else:
            subscription = _subscription(tx, session, customer)
            invoice = tx.get("invoice", subscription["latest_invoice"])
            outcome = invoicing.collect(tx, invoice, method=method, off_session=False, authenticated=authenticated)
            if outcome.status == "succeeded":
                return _complete(tx, session, tx.get("subscription", subscription["id"]), method)
    except ApiError as refused:
        return Step("failed", error=refused)
    if outcome.status == "requires_action":
        tx.set_private(session["id"], challenge=True)
        return Step("challenge")
    return Step("failed", error=outcome.error)


def _subscription(tx: Transaction, session: Object, customer: Object) -> Object:
    """The subscription of an earlier declined try if it still fits, else a new one. Raises ApiError for a code that
    ran out meanwhile, and takes it off."""
    secret = tx.private(session["id"])
    papers = [customer.get("address"), customer.get("name"), identifying.on_documents(tx, customer["id"])]
    terms = [session["discounts"], papers]
    if earlier := secret.get("subscription"):
        subscription = tx.get("subscription", earlier)
        if subscription["status"] == "incomplete" and secret.get("terms") == terms:
            return subscription
        if subscription["status"] == "incomplete":
            subscribing.end_now(tx, subscription, reason="cancellation_requested")
    _check_discounts(tx, session, customer)
    order = subscribing.Order(
        customer=customer["id"],
        items=[(tx.get("price", i["price"]), i["quantity"]) for i in secret["items"]],
        base_url=secret["base_url"],
        metadata=secret["subscription_metadata"],
        trial_end=trial_end(tx, session),
        missing_payment_method=secret["missing_payment_method"],
        discounts=[(d["coupon"], d["promotion_code"]) for d in session["discounts"] or []],
        automatic_tax=session["automatic_tax"]["enabled"],
        description=secret["description"],
        session=session["id"],
    )
    subscription = subscribing.begin(tx, order)
    tx.set_private(session["id"], subscription=subscription["id"], terms=terms)
    return subscription


def _check_discounts(tx: Transaction, session: Object, customer: Object) -> None:
    try:
        for entry in session["discounts"] or []:
            if entry["promotion_code"]:
                code = tx.get("promotion_code", entry["promotion_code"])
                discounting.find_code(tx, code["code"], customer=customer["id"])
            else:
                discounting.check_coupon(tx, entry["coupon"])
    except ApiError:
        session["discounts"] = []
        show_totals(session, sum_of(tx, session))
        tx.save(session)
        raise


def _note_payer(tx: Transaction, session: Object, customer: Object, details: Object, payer: Payer) -> Object:
    """Tax is worked out by what was typed, and an invoice carries the name and tax id typed: all of it has to stand on
    the customer before the invoice is drawn up. Raises ApiError for a tax id that is none."""
    if payer.tax_id and (session["tax_id_collection"] or {}).get("enabled"):
        kind, value = identifying.typed(payer.country, payer.tax_id)
        identifying.add(tx, customer["id"], type=kind, value=value)
    business = payer.business_name if asks_business_name(session) else None
    _update_customer(tx, session, customer, {**details, "name": business or details.get("name")}, business=business)
    session["collected_information"] = {
        "business_name": business,
        "individual_name": None,
        "shipping_details": None,
    }
    show_totals(session, sum_of(tx, session))
    tx.save(session)
    return customer


def asks_business_name(session: Object) -> bool:
    """Asked for by itself, or beside a tax id."""
    business = (session["name_collection"] or {}).get("business") or {}
    return bool(business.get("enabled") or (session["tax_id_collection"] or {}).get("enabled"))


def _complete(tx: Transaction, session: Object, subscription: Object, method: Object | None) -> Step:
    if method is not None:
        subscription = subscribing.use_card(tx, subscription, method)
    customer = tx.get("customer", subscription["customer"])
    invoice = tx.get("invoice", subscription["latest_invoice"])
    session["status"], session["customer"], session["subscription"] = "complete", customer["id"], subscription["id"]
    session["invoice"], session["url"] = invoice["id"], None
    session["payment_status"] = "paid" if invoice["total"] > 0 else "no_payment_required"
    details = (method or {}).get("billing_details") or {}
    business = (session["collected_information"] or {}).get("business_name")
    session["customer_details"] = {
        "address": details.get("address") or customer["address"],
        "business_name": business,
        "email": customer["email"] or details.get("email"),
        "individual_name": None,
        "name": business or details.get("name") or customer["name"],
        "phone": None,
        "tax_exempt": customer["tax_exempt"],
        "tax_ids": identifying.on_documents(tx, customer["id"]),
    }
    session["amount_subtotal"], session["amount_total"] = invoice["subtotal"], invoice["total"]
    tax = sum(t["amount"] for t in invoice["total_taxes"])
    discount = sum(d["amount"] for d in invoice["total_discount_amounts"])
    session["total_details"] = {"amount_discount": discount, "amount_shipping": 0, "amount_tax": tax}
    tx.save(session)
    tx.plan("expire_session", session["id"], None)
    tx.emit("checkout.session.completed", session)
    return Step("done", url=return_url(session))


def _update_customer(
    tx: Transaction, session: Object, customer: Object, details: Object, *, business: str | None
) -> None:
    """`customer_update[address|name]=auto` writes what was typed back to the customer; a business's name goes before
    the one on the card (docs.stripe.com/payments/checkout/name-collection)."""
    wanted = tx.private(session["id"])["customer_update"]
    before = dict(customer)
    if wanted.get("address") == "auto" and (details.get("address") or {}).get("country"):
        customer["address"] = details["address"]
    if wanted.get("name") == "auto" and details.get("name"):
        customer["name"] = details["name"]
    if wanted.get("name") == "auto" and business:
        customer["business_name"] = business
    if changed := changes(before, customer):
        tx.save(customer)
        tx.emit("customer.updated", customer, changed)


def session_id() -> str:
    return new_id("cs_test_a1", 56)
