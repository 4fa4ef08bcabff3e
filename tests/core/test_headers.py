"""What every answer carries, header by header."""

from __future__ import annotations

import pytest

import config
from portal.core.headers import content_security_policy

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
)


def test_the_policy_allows_our_own_files_and_no_inline_anything():
    policy = content_security_policy(config.STRIPE_HOSTED)
    assert policy.startswith(POLICY)
    assert "unsafe" not in policy
    assert "form-action 'self' https://checkout.stripe.com https://billing.stripe.com;" in policy
    assert policy.endswith("base-uri 'none'; frame-ancestors 'none'")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/library", "/no-such-page", "/health/live"])
def test_every_answer_carries_the_guards(browse, path: str):
    headers = browse().get(path).headers
    assert headers["Content-Security-Policy"].startswith(POLICY)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Cookie" in headers["Vary"]
    assert headers["Cache-Control"].startswith("private")


def test_a_static_file_is_taken_for_nothing_else_and_lent_to_no_other_site(app, browse):
    sheet = browse().get(app.extensions["asset_prefix"] + "css/site.css")
    assert sheet.status_code == 200
    assert sheet.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in sheet.headers


def test_alices_pages_are_kept_by_no_cache(browse, people):
    assert browse(people.alice).get("/account").headers["Cache-Control"] == "private, no-store"


def test_a_form_sent_from_another_site_is_refused_even_with_its_token(browse, people):
    alice = browse(people.alice)
    answer = alice.post("/sign-out", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert alice.get("/account").status_code == 200


def test_a_form_without_its_token_is_refused(browse, people):
    alice = browse(people.alice)
    assert alice.post("/sign-out", csrf=False, data={}).status_code == 400
    assert alice.get("/account").status_code == 200


def test_a_strange_host_is_refused(browse):
    assert browse().get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_forwarded_address_is_believed_only_from_a_configured_proxy(app):
    from werkzeug.middleware.proxy_fix import ProxyFix

    inner, seen = app.wsgi_app, []
    while inner is not None:
        seen.append(type(inner))
        inner = getattr(inner, "application", None) or getattr(inner, "app", None)
    assert ProxyFix not in seen  # zero hops unless TRUSTED_PROXIES says otherwise


def test_style_sheet_and_script_are_kept_for_a_year_under_their_hash(browse, app):
    prefix = app.extensions["asset_prefix"]
    sheet = browse().get(prefix + "css/site.css", headers={"Accept-Encoding": "br"})
    assert sheet.status_code == 200
    assert "immutable" in sheet.headers["Cache-Control"]
    assert sheet.headers["Content-Encoding"] == "br"
    assert browse().get("/static/000000000000/css/site.css").status_code == 404


def test_the_cookie_of_a_production_site_is_bound_to_its_host(tmp_path):
    """`__Host-`: a browser takes it only from https, for the whole site and for no other host (RFC 6265bis 4.1.3.2)."""
    from portal import create_app
    from tests.test_config import COMPLETE

    site = create_app(
        config.chosen(COMPLETE | {"PORTAL_INSTANCE": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/p.sqlite"})
    )
    answer = site.test_client().get("/sign-in", base_url="https://freedom.example")
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-session="))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
