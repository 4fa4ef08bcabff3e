"""Webhook endpoints. The secret shows only in the answer that created it."""

from __future__ import annotations

from stripe_sandbox import listing
from stripe_sandbox.calls import Call, answers
from stripe_sandbox.errors import ApiError
from stripe_sandbox.objects.setting_fields import apply, merge_metadata
from stripe_sandbox.store import Object, Transaction, new_id, new_secret


@answers("post", "/v1/webhook_endpoints")
def create(call: Call) -> Object:
    params = call.params
    body = make(
        call.tx,
        params["url"],
        params["enabled_events"],
        description=params.get("description") or None,
        api_version=params.get("api_version"),
    )
    merge_metadata(body, params)
    call.tx.save(body)
    return body | {"secret": call.tx.private(body["id"])["secrets"][0]}


def make(
    tx: Transaction,
    url: str,
    events: list[str],
    *,
    description: str | None = None,
    api_version: str | None = None,
    secrets: list[str] | None = None,
) -> Object:
    _check_url(url)
    body: Object = {
        "id": new_id("we_1"),
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": tx.now,
        "description": description,
        "enabled_events": events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }
    return tx.add(body, private={"secrets": secrets or [new_secret("whsec_")]})


@answers("get", "/v1/webhook_endpoints/{}")
def retrieve(call: Call) -> Object:
    return call.tx.live("webhook_endpoint", call.id)


@answers("post", "/v1/webhook_endpoints/{}")
def update(call: Call) -> Object:
    tx, params = call.tx, call.params
    body = tx.live("webhook_endpoint", call.id)
    if "url" in params:
        _check_url(params["url"])
    apply(body, params, "url", "enabled_events", "description")
    if "disabled" in params:
        body["status"] = "disabled" if params["disabled"] else "enabled"
    merge_metadata(body, params)
    return tx.save(body)


@answers("delete", "/v1/webhook_endpoints/{}")
def delete(call: Call) -> Object:
    call.tx.live("webhook_endpoint", call.id)
    call.tx.remove(call.id)
    return {"id": call.id, "object": "webhook_endpoint", "deleted": True}


@answers("get", "/v1/webhook_endpoints")
def list_(call: Call) -> Object:
    return listing.page(call, "webhook_endpoint")


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ApiError(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url", code="url_invalid"
        )
