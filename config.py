"""Every setting, read from the environment once, when the application is made.

`PORTAL_ENV` chooses the class: development (default; demo people, sandbox Stripe, letters into a folder),
testing, or production, which refuses to start and names every reason at once.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

ROOT = Path(__file__).resolve().parent
STRIPE_HOSTED = ("https://checkout.stripe.com", "https://billing.stripe.com")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Misconfigured(Exception):
    """The settings do not allow a safe start; `problems` lists every reason in plain words."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The portal refuses to start:\n  - " + "\n  - ".join(problems))


@dataclass(frozen=True)
class Tier:
    """One of several things that are sold, each by the month and by the year."""

    key: str  # "circle", as in /join/circle-monthly and the lookup key …_circle_monthly
    name: str
    monthly_minor: int  # minor units of PLAN_CURRENCY
    annual_minor: int
    includes: tuple[str, ...]  # what it comes with, in the owner's short words


class Config:
    """Settings common to all three; names in capitals are what Flask and its extensions read."""

    ENV = "base"
    DEBUG = False
    TESTING = False

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._problems: list[str] = []
        self.INSTANCE = Path(env.get("PORTAL_INSTANCE") or ROOT / "instance").resolve()
        self.PUBLIC_URL = (env.get("PUBLIC_URL") or "http://localhost:8000").rstrip("/")
        self.SECRET_KEY = env.get("SECRET_KEY", "")
        self.SQLALCHEMY_DATABASE_URI = _database_url(
            env.get("DATABASE_URL") or f"sqlite:///{self.INSTANCE}/portal.sqlite"
        )
        self.SQLALCHEMY_ENGINE_OPTIONS: dict[str, object] = {}
        if self.SQLALCHEMY_DATABASE_URI.startswith("postgresql"):
            self.SQLALCHEMY_ENGINE_OPTIONS |= {"pool_size": 10, "max_overflow": 5, "pool_timeout": 10}

        # The program as its owner calls it.
        self.SITE_NAME = env.get("SITE_NAME") or "Practice Freedom"
        self.SITE_ACCENT = env.get("SITE_ACCENT") or ""  # "#1f5c4d"; empty: the portal's own green
        if self.SITE_ACCENT and not re.fullmatch(r"#[0-9a-fA-F]{6}", self.SITE_ACCENT):
            self._problem("SITE_ACCENT must be a colour such as #1f5c4d")
        self.SITE_TIME_ZONE = env.get("SITE_TIME_ZONE") or "America/Chicago"
        self.SITE_LOCALE = env.get("SITE_LOCALE") or "en_US"
        self.REPLY_TO = env.get("REPLY_TO") or "hello@example.com"
        self.VOICE_MEMO = env.get("VOICE_MEMO") or self.REPLY_TO  # a mailbox, or the https page of a recorder
        if not self.VOICE_MEMO.startswith("https://") and not re.fullmatch(r"[^@\s:/]+@[^@\s:/]+", self.VOICE_MEMO):
            self._problem("VOICE_MEMO must be an e-mail address or begin with https://")

        # Whether the pages for staff wait for a second factor. Only the demo may leave it off.
        self.STAFF_SECOND_FACTOR = True

        # Sessions and forms. The database row decides when a sign-in ends; the cookie only has to live as long.
        secure = self.PUBLIC_URL.startswith("https://")
        self.SESSION_COOKIE_NAME = "__Host-session" if secure else "session"
        self.SESSION_COOKIE_SECURE = secure
        self.SESSION_COOKIE_HTTPONLY = True
        self.SESSION_COOKIE_SAMESITE = "Lax"
        self.SESSION_COOKIE_PATH = "/"
        self.PERMANENT_SESSION_LIFETIME = timedelta(days=60)
        self.SESSION_REFRESH_EACH_REQUEST = False
        self.WTF_CSRF_TIME_LIMIT = None
        self.WTF_CSRF_SSL_STRICT = False  # Sec-Fetch-Site is checked instead; some office proxies strip Referer
        self.MAX_CONTENT_LENGTH = 1024 * 1024
        self.MAX_FORM_MEMORY_SIZE = 512 * 1024
        self.MAX_FORM_PARTS = 200
        self.TRUSTED_PROXIES = int(env.get("TRUSTED_PROXIES") or 0)
        host = urlsplit(self.PUBLIC_URL).hostname or "localhost"
        extra = [h.strip() for h in (env.get("TRUSTED_HOSTS") or "").split(",") if h.strip()]
        self.TRUSTED_HOSTS = [host, *extra]

        # Money. Prices are named by lookup key; the amounts here are what Stripe's prices must say.
        self.STRIPE_SECRET_KEY = env.get("STRIPE_SECRET_KEY", "")
        self.STRIPE_WEBHOOK_SECRETS = [s for s in (env.get("STRIPE_WEBHOOK_SECRET") or "").split(",") if s]
        self.STRIPE_API_BASE = (env.get("STRIPE_API_BASE") or "").rstrip("/")  # empty: the real Stripe
        self.STRIPE_ACCOUNT = env.get("STRIPE_ACCOUNT") or ""
        self.PLAN_LOOKUP_PREFIX = env.get("PLAN_LOOKUP_PREFIX") or "practice_freedom"  # …_monthly, …_annual
        self.PLAN_CURRENCY = (env.get("PLAN_CURRENCY") or "usd").lower()
        self.PLAN_MONTHLY_MINOR = self._whole("PLAN_MONTHLY_MINOR", 9_900, most=99_999_999)
        self.PLAN_ANNUAL_MINOR = self._whole("PLAN_ANNUAL_MINOR", 99_000, most=99_999_999)
        self.PLAN_TIERS = self._tiers(env.get("PLAN_TIERS") or "")  # instead of the two above, when several are sold
        self.TRIAL_DAYS = self._whole("TRIAL_DAYS", 0, most=730)  # free at the beginning, once a person; 0: none
        self.STRIPE_TAX = (env.get("STRIPE_TAX") or "0") == "1"  # Stripe works out tax at checkout
        self.PRICES_INCLUDE_TAX = (env.get("PRICES_INCLUDE_TAX") or "0") == "1"  # else it is added to them
        self.GRACE_DAYS = self._whole("GRACE_DAYS", 7, most=60)
        self.ANSWER_WITHIN_HOURS = self._whole("ANSWER_WITHIN_HOURS", 48, most=2_000)  # what coaches aim at
        self.RULE_WITHIN_HOURS = self._whole("RULE_WITHIN_HOURS", 24, most=2_000)  # the same for what was flagged

        self.HOLD_AFTER_FLAGS = self._whole("HOLD_AFTER_FLAGS", 3, most=100)  # members who hide something; 0: none do
        self.HOLD_FIRST_POSTS = self._whole("HOLD_FIRST_POSTS", 0, most=50)  # of a newcomer, looked at first; 0: none

        # Letters.
        self.MAIL_SERVER = env.get("MAIL_SERVER") or "localhost"
        self.MAIL_PORT = int(env.get("MAIL_PORT") or 587)
        self.MAIL_USE_TLS = (env.get("MAIL_USE_TLS") or "1") == "1"
        self.MAIL_USE_SSL = (env.get("MAIL_USE_SSL") or "0") == "1"
        self.MAIL_USERNAME = env.get("MAIL_USERNAME")
        self.MAIL_PASSWORD = env.get("MAIL_PASSWORD")
        self.MAIL_DEFAULT_SENDER = (self.SITE_NAME, env.get("MAIL_FROM") or self.REPLY_TO)
        self.MAIL_SUPPRESS_SEND = False
        self.OUTBOX = False  # the /outbox page and .eml files; only with demo settings

        self.STORAGE_DIR = Path(env.get("STORAGE_DIR") or self.INSTANCE / "files")
        self.STORAGE_URL = (
            env.get("STORAGE_URL") or ""
        )  # s3://bucket/prefix?endpoint=https://…&region=…; empty: the disk
        for reason in _wrong_in_storage_url(self.STORAGE_URL) if self.STORAGE_URL else ():
            self._problem(f"STORAGE_URL: {reason}")
        self.SENDFILE = env.get("SENDFILE") or ""  # "x-accel": nginx sends the bytes after our check
        # The picture of the podcast in members' apps: a square JPEG of 1400 to 3000 pixels.
        self.PODCAST_ARTWORK = Path(env.get("PODCAST_ARTWORK") or ROOT / "portal" / "library" / "feed" / "artwork.jpg")
        if not self.PODCAST_ARTWORK.is_file():
            self._problem(f"PODCAST_ARTWORK is {self.PODCAST_ARTWORK}, and no file is there")
        self.LARGEST_UPLOAD_MB = self._whole("LARGEST_UPLOAD_MB", 500, most=10_000)  # files of the library, at once
        self.MEMBER_FILES_MB = self._whole("MEMBER_FILES_MB", 500, most=100_000)  # of one member, beside their posts
        self.RATELIMIT_STORAGE_URI = env.get("RATELIMIT_STORAGE_URI") or "memory://"
        self.RATELIMIT_STRATEGY = "sliding-window-counter"
        self.COMPRESS_MIMETYPES = ["text/html", "text/plain", "application/json", "application/rss+xml", "text/vtt"]
        self.COMPRESS_BR_LEVEL = 4
        self.COMPRESS_MIN_SIZE = 500
        self.SQLALCHEMY_RECORD_QUERIES = False
        self.TEMPLATES_AUTO_RELOAD = False

    def check(self) -> None:
        """Raise Misconfigured with every problem found."""
        if self._problems:
            raise Misconfigured(self._problems)

    def _whole(self, name: str, otherwise: int, *, most: int) -> int:
        """A whole number from 0 to `most`; anything else is a problem with this name."""
        text = (self._env.get(name) or "").strip()
        if text and not (text.isascii() and text.isdigit() and int(text) <= most):
            self._problem(f"{name} is {text!r}; it may be a whole number from 0 to {most}")
            return otherwise
        return int(text) if text else otherwise

    def _tiers(self, text: str) -> tuple[Tier, ...]:
        """PLAN_TIERS, "key | Name | monthly | annual | words, words; …"; each thing wrong in it is a problem."""
        found: list[Tier] = []
        for number, part in enumerate((p for p in text.split(";") if p.strip()), start=1):
            fields = [field.strip() for field in part.split("|")]
            if len(fields) not in {4, 5}:
                self._problem(f"{_TIER.format(number)} is {part.strip()!r}; {_TIER_SHAPE}")
                continue
            key, name, monthly, annual, *words = fields
            includes = tuple(word.strip() for word in ",".join(words).split(",") if word.strip())
            wrong = _wrong_in_tier(key, name, monthly, annual, includes)
            if key in {tier.key for tier in found}:
                wrong.append(f"its key {key!r} is taken by an earlier one")
            for reason in wrong:
                self._problem(f"{_TIER.format(number)}: {reason}")
            if not wrong:
                found.append(Tier(key, name, int(monthly), int(annual), includes))
        return tuple(found)

    def _problem(self, text: str) -> None:
        self._problems.append(text)


class Development(Config):
    """The demo: `make run` fills in the secrets; letters become files that /outbox shows."""

    ENV = "development"

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(env)
        self.SECRET_KEY = self.SECRET_KEY or "development-only"
        self.STRIPE_SECRET_KEY = self.STRIPE_SECRET_KEY or "sk_test_sandbox"
        self.STRIPE_API_BASE = self.STRIPE_API_BASE or "http://127.0.0.1:8400"
        self.STRIPE_WEBHOOK_SECRETS = self.STRIPE_WEBHOOK_SECRETS or ["whsec_development"]
        self.TRUSTED_HOSTS = [*self.TRUSTED_HOSTS, "localhost", "127.0.0.1"]
        if not env.get("MAIL_SERVER"):
            self.MAIL_SUPPRESS_SEND = True
            self.OUTBOX = True
        self.TEMPLATES_AUTO_RELOAD = True
        self.STAFF_SECOND_FACTOR = env.get("STAFF_SECOND_FACTOR") == "1"  # its staff sign in with what is printed
        if urlsplit(self.PUBLIC_URL).hostname not in _LOOPBACK and env.get("DEMO_IN_PUBLIC") != "1":
            self._problem(
                f"PUBLIC_URL is {self.PUBLIC_URL}, yet PORTAL_ENV is not production: the demo's letters and people are"
                " open to everyone who finds it (DEMO_IN_PUBLIC=1 if you mean that)"
            )
        if not self.STRIPE_SECRET_KEY.startswith(("sk_test_", "rk_test_")):
            self._problem("STRIPE_SECRET_KEY must be a test key outside production")


class Testing(Development):
    """What the suites use: fast hashes of nothing less than Argon2id, rate limits on, letters caught."""

    ENV = "testing"
    TESTING = True

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(env)
        self.TEMPLATES_AUTO_RELOAD = False
        self.STAFF_SECOND_FACTOR = True
        self.TRUSTED_HOSTS = [*self.TRUSTED_HOSTS, "localhost"]


class Production(Config):
    """Real money and real people: nothing is guessed."""

    ENV = "production"

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(env)
        self._required(
            "SECRET_KEY",
            "DATABASE_URL",
            "PUBLIC_URL",
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "MAIL_SERVER",
            "MAIL_FROM",
        )
        if env.get("SECRET_KEY") and len(env["SECRET_KEY"]) < 32:
            self._problem("SECRET_KEY is shorter than 32 characters")
        if env.get("PUBLIC_URL") and not self.PUBLIC_URL.startswith("https://"):
            self._problem("PUBLIC_URL must begin with https://")
        if self.STRIPE_API_BASE:
            self._problem("STRIPE_API_BASE points to a sandbox; remove it to use the real Stripe")
        if self.STRIPE_SECRET_KEY.endswith("sandbox"):
            self._problem("STRIPE_SECRET_KEY is the sandbox key")
        if env.get("STAFF_SECOND_FACTOR", "1") != "1":
            self._problem("STAFF_SECOND_FACTOR is off; whoever runs the program signs in with a second factor")
        if env.get("FLASK_DEBUG", "0") not in {"", "0"}:
            self._problem("FLASK_DEBUG is on")
        if env.get("STRIPE_LOG") == "debug":
            self._problem("STRIPE_LOG=debug writes people's data into logs")
        if hasattr(os, "geteuid") and os.geteuid() == 0 and env.get("ALLOW_ROOT") != "1":
            self._problem("the portal runs as root; use an own user (in a container that has only root: ALLOW_ROOT=1)")

    def _required(self, *names: str) -> None:
        for name in names:
            if not self._env.get(name):
                self._problem(f"{name} is not set")


def chosen(env: Mapping[str, str] | None = None) -> Config:
    """The settings that `PORTAL_ENV` names. Raises Misconfigured."""
    env = os.environ if env is None else env
    name = env.get("PORTAL_ENV") or "development"
    kinds = {"development": Development, "testing": Testing, "production": Production}
    if name not in kinds:
        raise Misconfigured([f"PORTAL_ENV is {name!r}; it may be development, testing or production"])
    config = kinds[name](env)
    config.check()
    return config


@dataclass(frozen=True)
class S3Place:
    """What STORAGE_URL says: which part of which bucket, where."""

    bucket: str
    prefix: str  # "portal/", or ""
    region: str
    endpoint: str
    is_path_style: bool  # stores of one's own are asked by path, Amazon's by the name of the host

    @property
    def origin(self) -> str:
        """Where its links lead; pages may show pictures and play audio from there."""
        if self.is_path_style:
            return self.endpoint
        return self.endpoint.replace("https://", f"https://{self.bucket}.", 1)


def s3_place(url: str) -> S3Place:
    """ "s3://bucket/prefix?endpoint=https://minio.example.com&region=eu-central-1"; without endpoint it is Amazon's."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    region = query.get("region") or "us-east-1"
    prefix = parts.path.strip("/")
    own = (query.get("endpoint") or "").rstrip("/")
    endpoint = own or f"https://s3.{region}.amazonaws.com"
    return S3Place(parts.netloc, f"{prefix}/" if prefix else "", region, endpoint, is_path_style=bool(own))


def storage_hosts(config: Mapping[str, object]) -> tuple[str, ...]:
    """The origin of a store beyond the network, which the policy of pages names only if there is one."""
    url = str(config.get("STORAGE_URL") or "")
    return (s3_place(url).origin,) if url else ()


def stripe_hosts(config: Mapping[str, object]) -> tuple[str, ...]:
    """Origins of the hosted Checkout and Billing Portal pages; the CSP lets forms lead there and nowhere else."""
    base = str(config.get("STRIPE_API_BASE") or "")
    if not base:
        return STRIPE_HOSTED
    parts = urlsplit(base)
    if parts.hostname in _LOOPBACK:  # the sandbox's pages may be opened under either name
        return tuple(f"{parts.scheme}://{host}:{parts.port}" for host in ("127.0.0.1", "localhost"))
    return (f"{parts.scheme}://{parts.netloc}",)


_TIER = "PLAN_TIERS, number {}"
_TIER_SHAPE = "write key | Name | monthly | annual | what it includes, with commas; and a semicolon before the next"


def _wrong_in_storage_url(url: str) -> list[str]:
    wrong = []
    place, endpoint = s3_place(url), urlsplit(s3_place(url).endpoint)
    if urlsplit(url).scheme != "s3" or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,62}", place.bucket):
        wrong.append("write s3://bucket, or s3://bucket/prefix?endpoint=https://…&region=…")
    safe = endpoint.scheme == "https" or (endpoint.scheme == "http" and endpoint.hostname in _LOOPBACK)
    if not safe or endpoint.path or endpoint.query:
        wrong.append("its endpoint is a host with https:// and nothing behind it")
    if importlib.util.find_spec("boto3") is None:
        wrong.append("it needs boto3 (pip install -r deploy/requirements-extra.txt)")
    return wrong


def _wrong_in_tier(key: str, name: str, monthly: str, annual: str, includes: tuple[str, ...]) -> list[str]:
    wrong = []
    if not re.fullmatch(r"[a-z][a-z0-9]{0,19}", key):
        wrong.append(f"its key is {key!r}; it may be up to 20 small letters and digits, such as circle")
    if not 1 <= len(name) <= 40:
        wrong.append(f"its name is {name!r}; it may have 1 to 40 characters")
    for interval, amount in (("monthly", monthly), ("annual", annual)):
        if not re.fullmatch(r"[1-9][0-9]{0,7}", amount):
            wrong.append(f"its {interval} amount is {amount!r}; it may be whole cents, such as 9900")
    if len(includes) > 8 or any(len(word) > 60 for word in includes):
        wrong.append("it may include up to 8 things, each in up to 60 characters")
    return wrong


def _database_url(url: str) -> str:
    return "postgresql://" + url.removeprefix("postgres://") if url.startswith("postgres://") else url
