"""Nothing is stored that no row names, and what a row names is there as it was stored."""

from __future__ import annotations

import os
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from portal.core import keeping, storage
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.library.models import File, Upload
from portal.practices.models import Photo


@pytest.fixture
def put(app):
    """Bytes in storage, `days` old, which no row names yet."""

    def store(content: bytes = b"words", days: float = 2) -> str:
        with app.app_context():
            key = storage.put(BytesIO(content)).key
            age(app, key, days)
            return key

    return store


def age(app, key: str, days: float) -> None:
    long_ago = (now() - timedelta(days=days)).timestamp()
    with app.app_context():
        os.utime(storage.path_of(key), (long_ago, long_ago))


def lies_there(app, key: str) -> bool:
    with app.app_context():
        return storage.path_of(key).exists()


def sweep(app) -> None:
    with app.app_context():
        keeping.sweep()


@pytest.fixture
def checked(app):
    """What `flask library check` says, and how it ends."""

    def check() -> tuple[str, int]:
        done = app.test_cli_runner().invoke(args=["library", "check"])
        return done.output, done.exit_code

    return check


def test_what_no_row_names_goes_after_a_day_and_not_before(app, put):
    old, young = put(days=1.1), put(days=0.9)
    sweep(app)
    assert not lies_there(app, old)
    assert lies_there(app, young)  # its row may not be written yet
    sweep(app)


def test_what_any_row_names_stays_however_old(app, make, people, put):
    tool = make.tool()
    make.edition(tool)
    make.photo(people.alice)
    waiting = put()
    with app.app_context(), transaction():
        db.session.add(
            Upload(item_id=tool.id, name="a.pdf", media_type="application/pdf", size=5, sha256="", storage_key=waiting)
        )
    with app.app_context():
        photo = db.session.query(Photo).one()
        named = [*db.session.scalars(db.select(File.storage_key)), photo.small_key, photo.large_key, waiting]
    for key in named:
        age(app, key, 400)
    sweep(app)
    assert len(named) == 5
    assert all(lies_there(app, key) for key in named)


def test_parts_of_what_was_never_finished_go_after_a_day(app, put):
    key = put()
    with app.app_context():
        whole = storage.path_of(key)
    dead, alive = whole.with_name("a" * 32 + ".part"), whole.with_name("b" * 32 + ".part")
    foreign = whole.with_name("notes.txt")
    for file, days in ((dead, 2), (alive, 0.5), (foreign, 900)):
        file.write_bytes(b"half")
        moment = (now() - timedelta(days=days)).timestamp()
        os.utime(file, (moment, moment))
    sweep(app)
    assert [file.exists() for file in (dead, alive, foreign)] == [False, True, True]  # what is not ours is not touched
    foreign.unlink()


def test_a_check_finds_all_well(make, people, checked):
    make.tool()
    make.photo(people.alice)
    assert checked() == ("ok  every file is there, as it was stored\n", 0)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda file: file.unlink(), "its file is not there"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "bytes instead of"),
        (lambda file: file.write_bytes(b"X" + file.read_bytes()[1:]), "SHA-256"),
    ],
)
def test_a_check_names_what_is_missing_cut_or_changed_and_fails(app, make, checked, harm, told: str):
    make.tool("Well")
    tool = make.tool("Harmed")
    with app.app_context():
        file = db.session.scalars(db.select(File).order_by(File.id.desc())).first()
        harm(Path(storage.path_of(file.storage_key)))
        file_id = file.id
    assert tool.id
    words, ended = checked()
    assert f"BAD file {file_id}: " in words
    assert told in words
    assert words.count("BAD") == 1
    assert ended == 1


def test_every_column_that_names_a_file_is_known_to_the_sweep(app):
    named = {column for table in db.metadata.sorted_tables for column in table.columns if column.name == "storage_key"}
    known = {naming.key.property.columns[0] for naming in app.extensions["namings"]}
    assert named <= known
