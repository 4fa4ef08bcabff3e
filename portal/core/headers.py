"""Headers of every answer: what a page may load and where its forms may lead, and who may keep a copy."""

from __future__ import annotations

from flask import Flask, current_app, request
from flask_login import current_user
from werkzeug.exceptions import Forbidden
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from config import storage_hosts, stripe_hosts


def init_app(app: Flask) -> None:
    hops = app.config["TRUSTED_PROXIES"]
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]  # as Flask says
    app.extensions["csp"] = content_security_policy(stripe_hosts(app.config), storage_hosts(app.config))
    app.before_request(_refuse_other_sites)
    app.after_request(_add)


def content_security_policy(form_hosts: tuple[str, ...], file_hosts: tuple[str, ...] = ()) -> str:
    """The policy of every page. Chrome applies form-action to redirects too, so Stripe's hosted pages are named; as is
    the store to which an episode's audio may lead."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            " ".join(["img-src 'self' data:", *file_hosts]),
            "font-src 'self'",
            " ".join(["media-src 'self'", *file_hosts]),
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "frame-src 'self'",
            "form-action 'self' " + " ".join(form_hosts),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def keep_no_copy(response: Response) -> Response:
    """For pages with a token in their address, or about one person: neither browser nor proxy keeps them."""
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _refuse_other_sites() -> None:
    """A second wall beside the CSRF token: browsers say where a request comes from (Fetch Metadata)."""
    unsafe = request.method not in {"GET", "HEAD", "OPTIONS"}
    if unsafe and request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Forbidden()


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", current_app.extensions["csp"])
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    if "Cache-Control" not in headers:
        headers["Cache-Control"] = "private, no-cache" if _is_public_page() else "private, no-store"
    headers.add("Vary", "Cookie")
    return response


def _is_public_page() -> bool:
    return request.method == "GET" and not current_user.is_authenticated
