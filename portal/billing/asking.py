"""How Stripe is asked: the only file that imports its SDK.

The SDK and its API version are pinned together (stripe 16.1, 2026-10-28.endive). What goes wrong becomes one of the
three exceptions below.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import structlog

from portal.billing.reading_answers import need
from portal.billing.shapes import Json

if TYPE_CHECKING:
    import stripe

log = structlog.get_logger()
T = TypeVar("T")

API_VERSION = "2026-10-28.endive"
PAGE = 100  # the longest that a list of Stripe's may be
WAITS_WHEN_CROWDED = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds; nobody is waiting for a walk over the whole account
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class StripeAway(Exception):
    """No usable answer: network, timeout, 5xx, too many requests, a refused key. Trying later may help.

    `was_answered` tells a definite 5xx (which Stripe replays for a day under the same idempotency key) from silence.
    """

    def __init__(self, reason: str, *, was_answered: bool = False) -> None:
        self.was_answered = was_answered
        super().__init__(reason)


class StripeBusy(StripeAway):
    """The same key or object is being worked on by another call right now (409)."""


class StripeCrowded(StripeAway):
    """Too many requests (429); the same one will be answered a little later."""


class StripeRefused(Exception):
    """Stripe understood and said no; the same call will not succeed. `code` is Stripe's own word, if it gave one."""

    def __init__(self, reason: str, *, code: str | None = None, status: int | None = None) -> None:
        self.code, self.status = code, status
        super().__init__(reason)

    @property
    def is_missing(self) -> bool:
        return self.code == "resource_missing"


class Asking:
    """A way to Stripe. `quick=True` waits five seconds and never retries: someone is waiting for the answer."""

    def __init__(self, key: str, *, api_base: str = "", transport: stripe.HTTPClient | None = None) -> None:
        if api_base and not key.startswith(("sk_test_", "rk_test_")):
            raise ValueError("a sandbox takes test keys only")
        self._breaker = _Breaker()
        self._patient = _client(key, api_base, (3.05, 10.0), retries=2, transport=transport)
        self._quick = _client(key, api_base, (3.05, 5.0), retries=0, transport=transport)

    def _pages(self, path: str, params: Json) -> Iterator[list[Json]]:
        """A list of any length, a hundred a call, and no more of it in memory than the page at hand.

        It is asked for raw: making the SDK's objects of five thousand subscriptions takes longer than all the rest.
        """
        where: Json = {"limit": PAGE}
        while True:
            page = self._in_turn(path, params | where)
            data = need(page, "data")
            yield data
            if not need(page, "has_more"):
                return
            where = {"limit": PAGE, "starting_after": need(data[-1], "id")}

    def _in_turn(self, path: str, params: Json) -> Json:
        """Ask for a page; where Stripe has too many requests, wait and go on from here instead of beginning anew."""

        def ask(_v1: Any) -> Json:
            return cast(Json, self._patient.raw_request("get", path, **params).data)

        for wait in WAITS_WHEN_CROWDED:
            try:
                return self._ask(ask)
            except StripeCrowded:
                log.warning("stripe.crowded", seconds=wait)
                time.sleep(wait)
        return self._ask(ask)

    def _ask(self, call: Callable[[Any], T], *, quick: bool = False) -> T:
        """Make a call; whatever goes wrong becomes one of our three exceptions."""
        import stripe

        self._breaker.check()
        try:
            answer = call((self._quick if quick else self._patient).v1)
        except stripe.APIConnectionError as error:
            self._breaker.failed()
            raise StripeAway(_cause(error)) from None
        except stripe.StripeError as error:
            self._breaker.answered()
            raise _ours(error) from None
        self._breaker.answered()
        return answer


def plain(thing: Any) -> Json:
    """What Stripe answered, as a dictionary: objects of the SDK have no `.get`."""
    return cast(Json, thing.to_dict(for_json=True))


def is_signed(body: bytes, header: str | None, secret: str) -> bool:
    """That this secret made the signature of a delivery, however long ago.

    The SDK's own tolerance is off: it accepts a time a year ahead and cannot tell a bad clock from a bad signature.
    """
    import stripe

    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None))
    except (ValueError, stripe.SignatureVerificationError):  # ValueError: the body is no UTF-8
        return False


class _Breaker:
    """After five connection failures in a row nobody waits for Stripe for half a minute."""

    FAILURES, REST = 5, 30.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    def check(self) -> None:
        if time.monotonic() < self._open_until:
            raise StripeAway("Stripe did not answer several times; resting for half a minute")

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self.FAILURES:
                self._open_until = time.monotonic() + self.REST
                self._failures = 0
                log.error("stripe.resting", seconds=self.REST)

    def answered(self) -> None:
        self._failures = 0


def _client(
    key: str, api_base: str, timeout: tuple[float, float], *, retries: int, transport: stripe.HTTPClient | None
) -> stripe.StripeClient:
    import stripe

    stripe.enable_telemetry = False
    if transport is None:
        transport = stripe.RequestsClient(timeout=timeout, session=_session_without_proxy(api_base))
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=retries,
        http_client=transport,
    )


def _session_without_proxy(api_base: str) -> Any:
    """A sandbox on this machine is reached directly, whatever proxy the shell names."""
    if urlsplit(api_base).hostname not in _LOOPBACK:
        return None
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


def _ours(error: stripe.StripeError) -> StripeAway | StripeRefused:
    import stripe

    status, code = error.http_status, error.code
    if status == 409:
        return StripeBusy(f"409 {code}")
    if isinstance(error, stripe.RateLimitError) or status == 429:
        return StripeCrowded("429 too many requests")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        log.error("stripe.key_refused", status=status, request=error.request_id)
        return StripeAway(f"{status} the key is refused", was_answered=True)
    if status is None or status >= 500:
        return StripeAway(f"{status} from Stripe", was_answered=True)
    message = str(error).splitlines()[0][:200]
    return StripeRefused(f"{status} {code}: {message}", code=code, status=status)


def _cause(error: stripe.APIConnectionError) -> str:
    cause = error.__cause__
    return f"no answer: {type(error if cause is None else cause).__name__}"
