"""The membership portal of a coaching program. create_app() is the one place that knows every area."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_compress import Compress
from flask_wtf import CSRFProtect

import config as settings
from portal.core import (
    admission,
    arriving,
    assets,
    db,
    errors,
    headers,
    jobs,
    keeping,
    limits,
    logs,
    mail,
    sealing,
    search,
    storage,
    templating,
    web,
)

csrf = CSRFProtect()


class Portal(Flask):
    """Flask, which need not ask of some sixteen functions at every request whether they are coroutines: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(chosen: settings.Config | None = None) -> Flask:
    """The application: settings checked, areas wired to core, the gate closed for whatever is unlisted."""
    os.environ.setdefault("STRIPE_SUPPRESS_NOTICES", "true")
    chosen = chosen or settings.chosen()
    app = Portal(__name__, template_folder=str(settings.ROOT / "templates"), static_folder=None)
    app.config.from_object(chosen)
    app.request_class = arriving.ArrivingRequest
    chosen.INSTANCE.mkdir(parents=True, exist_ok=True)

    logs.init_app(app)
    db.init_app(app)
    limits.init_app(app)
    csrf.init_app(app)
    Compress(app)
    mail.init_app(app)
    jobs.init_app(app)
    sealing.init_app(app)
    _wire_areas(app)
    headers.init_app(app)
    templating.init_app(app)
    web.init_app(app)
    errors.init_app(app)
    assets.init_app(app)
    _add_migrations(app)
    return app


def _wire_areas(app: Flask) -> None:
    from portal.accounts import commands as accounts_commands
    from portal.accounts import drafting, security_pages, sign_in_pages, signed_in, two_step, writing_pages
    from portal.accounts import views as accounts
    from portal.billing import commands as billing_commands
    from portal.billing import entitlements, facts, managing
    from portal.billing import views as billing
    from portal.conversations import (
        answering_pages,
        attaching_pages,
        draft_pages,
        finding,
        following_pages,
        history_pages,
        mention_pages,
        preview_pages,
        reading_pages,
    )
    from portal.conversations import views as conversations
    from portal.desk import billing as desk_billing
    from portal.desk import consents as desk_consents
    from portal.desk import events as desk_events
    from portal.desk import feeds as desk_feeds
    from portal.desk import grants as desk_grants
    from portal.desk import health, log_file, outbox, people, seeing_as
    from portal.desk import house_rules as desk_house_rules
    from portal.desk import importing as desk_importing
    from portal.desk import item_files as desk_files
    from portal.desk import library as desk_library
    from portal.desk import members as desk_members
    from portal.desk import paths as desk_paths
    from portal.desk import releasing as desk_releasing
    from portal.desk import rooms as desk_rooms
    from portal.desk import unanswered as desk_unanswered
    from portal.desk import views as desk
    from portal.desk import writing as desk_writing
    from portal.home import views as home
    from portal.library import commands as library_commands
    from portal.library import consent_pages, episode_pages, feed_pages, own_feed, own_pages, path_pages, viewing
    from portal.library import views as library
    from portal.membership import address_pages, data_pages, directory_pages
    from portal.membership import views as membership
    from portal.moderation import (
        appeal_pages,
        doubting,  # noqa: F401  # imported so that it looks at what is posted
        flag_pages,
        further_pages,
        person_pages,
        purge_pages,
        queue_pages,
        watch_pages,
    )
    from portal.moderation import views as moderation
    from portal.notifications import views as notifications
    from portal.practices import views as practices
    from portal.seeds import commands as seeds_commands
    from portal.topics import views as topics

    signed_in.init_app(app, asking=facts.with_facts, told=entitlements.keep_for)
    drafting.init_app(app)
    seeing_as.init_app(app)
    admission.init_app(app, audiences_of=entitlements.audiences_of, way_to_prove=two_step.way_to_prove)
    storage.init_app(app)
    keeping.init_app(app, namings=_namings())
    search.init_app(app, scopes_of=finding.scopes_of)
    app.register_blueprint(practices.bp)
    for area in (
        accounts,
        notifications,
        topics,
        billing,
        conversations,
        library,
        moderation,
        flag_pages,
        queue_pages,
        watch_pages,
        purge_pages,
        membership,
        desk,
        health,
        home,
    ):
        app.register_blueprint(area.bp)
    for pages in (
        sign_in_pages,
        security_pages,
        writing_pages,
        address_pages,
        data_pages,
        consent_pages,
        directory_pages,
        own_pages,
        path_pages,
        desk_billing,
        desk_consents,
        desk_grants,
        desk_events,
        desk_importing,
        desk_members,
        desk_paths,
        desk_library,
        desk_writing,
        desk_files,
        desk_releasing,
        people,
        seeing_as,
        managing,
        episode_pages,
        feed_pages,
        own_feed,
        desk_feeds,
        desk_rooms,
        desk_unanswered,
        desk_house_rules,
        log_file,
        reading_pages,
        following_pages,
        answering_pages,
        draft_pages,
        attaching_pages,
        mention_pages,
        preview_pages,
        history_pages,
        appeal_pages,
        further_pages,
        person_pages,
    ):  # of areas with several files of views
        app.register_blueprint(pages.bp)
    csrf.exempt(billing.stripe_events)  # signed by Stripe instead
    csrf.exempt(notifications.unsubscribe_now)  # RFC 8058: mail programs post without a session
    outbox.init_app(app)
    entitlements.init_app(app)
    viewing.init_app(app)
    accounts_commands.init_app(app)
    billing_commands.init_app(app)
    library_commands.init_app(app)
    seeds_commands.init_app(app)


def _namings() -> list[keeping.Naming]:
    """Every column that names what is stored. What stands in none of them is swept from storage after a day."""
    from portal.conversations.models import PostFile
    from portal.library.models import File, Upload
    from portal.membership.models import Export
    from portal.practices.models import Photo

    is_there = Export.ready_at.is_not(None) & Export.ended_at.is_(None)
    return [
        keeping.Naming("file", File.storage_key, File.size, File.sha256),
        keeping.Naming("upload", Upload.storage_key, Upload.size, Upload.sha256),
        keeping.Naming("export", Export.storage_key, Export.size, Export.sha256, only=is_there),
        keeping.Naming("photo", Photo.small_key),
        keeping.Naming("photo", Photo.large_key),
        keeping.Naming("post file", PostFile.storage_key, PostFile.size, PostFile.sha256),
    ]


def _add_migrations(app: Flask) -> None:
    """`flask db …`; Alembic takes seconds to import, so only the command line pays for it."""
    if not os.environ.get("FLASK_RUN_FROM_CLI"):
        return
    from flask_migrate import Migrate

    Migrate(app, db.db, directory=str(settings.ROOT / "migrations"), render_as_batch=True, compare_type=True)
