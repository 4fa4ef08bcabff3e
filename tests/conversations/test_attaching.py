"""Pictures and documents beside posts: what may come, who may have it, and when it goes."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select

from portal.conversations import attaching, attaching_pages, forgetting, taking_along, taking_back
from portal.conversations.models import Post, PostFile, RoomKind
from portal.core import keeping, storage
from portal.core.clock import now
from portal.core.db import db, transaction
from portal.moderation import ruling
from tests.make import PDF, again, at_once, picture

GPS = b"GPS of Alice's garden"


def sent(content: bytes = PDF, name: str = "Plan.pdf", kind: str = "application/pdf"):
    return (BytesIO(content), name, kind)


def photo_from_a_phone() -> bytes:
    out, exif = BytesIO(), Image.Exif()
    exif[0x010E] = GPS.decode()
    exif[0x013B] = "Alice Example"
    Image.new("RGB", (1200, 900), "teal").save(out, "JPEG", exif=exif)
    return out.getvalue()


def files(app) -> list[PostFile]:
    with app.app_context():
        return list(db.session.scalars(select(PostFile).order_by(PostFile.id)))


def reply(browser, thread, *files, **more):
    data = {"body": "See beside.", "files": list(files)} | more
    return browser.post(f"/threads/{thread.id}/posts", data=data, content_type="multipart/form-data")


def path(file: PostFile) -> str:
    return attaching.path_of(file.token)


@pytest.fixture
def thread(people, make):
    return make.thread(by=people.bob)


def test_alice_sends_a_picture_and_a_document_with_her_words_and_bob_has_both(app, browse, people, thread):
    alice, bob = browse(people.alice), browse(people.bob)
    picture = sent(photo_from_a_phone(), "IMG_1.jpg", "image/jpeg")
    assert reply(alice, thread, picture, sent()).status_code == 303
    drawn, document = files(app)
    page = bob.get(f"/threads/{thread.id}").text
    assert f'src="{path(drawn)}" alt="Picture without a description" width="683" height="512" loading="lazy"' in page
    assert "Plan.pdf" in page
    assert "PDF, " in page
    answer = bob.get(path(drawn))
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert answer.headers["Content-Disposition"] == "inline; filename=picture.webp"
    with Image.open(BytesIO(answer.data)) as image:
        assert image.size == (1200, 900)
        assert not image.getexif()
    assert GPS not in answer.data
    assert b"Alice" not in answer.data
    answer = bob.get(path(document))
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"] == "attachment; filename=Plan.pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for one in (drawn, document):
        whole = bob.get(path(one))
        assert whole.cache_control.private
        assert "alice" not in f"{whole.headers} {path(one)}".casefold()
        assert bob.get(path(one), headers={"Range": "bytes=2-9"}).data == whole.data[2:10]
        assert bob.get(path(one), headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
        head = bob.head(path(one))
        assert (head.data, head.headers["Content-Length"]) == (b"", str(len(whole.data)))


def test_what_is_added_before_the_words_are_ready_waits_in_the_form_with_its_description(app, browse, people, thread):
    alice = browse(people.alice)
    data = {"body": "Half a sent", "files": [sent(picture(), "seat.jpg", "image/jpeg")], "attach": "1"}
    page = alice.post(f"/threads/{thread.id}/posts", data=data, content_type="multipart/form-data")
    assert page.status_code == 200
    assert "Half a sent" in page.text
    (file,) = files(app)
    assert file.post_id is None
    assert "What does it show?" in alice.get(f"/threads/{thread.id}").text
    assert browse(people.bob).get(path(file)).status_code == 404, "nobody else has it before it is posted"
    assert alice.get(path(file)).status_code == 200
    words = {"file": str(file.id), f"alt-{file.id}": "A chart\nof seats"}
    assert reply(alice, thread, **words).status_code == 303
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert 'alt="A chart of seats"' in page
    assert "What does it show?" not in alice.get(f"/threads/{thread.id}").text


def test_the_script_sends_one_file_and_reads_what_became_of_it(app, browse, people, thread):
    alice, address = browse(people.alice), f"/threads/{thread.id}/files"
    answer = alice.post(address, data={"files": sent()}, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["name"]) == (200, "Plan.pdf")
    answer = alice.post(address, data={"files": sent(b"MZ", "Plan.exe", "")}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "is not a kind of file that works here" in answer.json["message"]
    assert alice.post(address, data={}).status_code == 422
    assert len(files(app)) == 1


def test_alice_takes_a_file_out_of_the_form_and_its_bytes_go(app, browse, people, thread, work_off):
    alice = browse(people.alice)
    alice.post(f"/threads/{thread.id}/files", data={"files": sent()}, content_type="multipart/form-data")
    (file,) = files(app)
    page = browse(people.bob).post(
        f"/threads/{thread.id}/posts", data={"body": "Mine now", "take_out": file.token, "file": str(file.id)}
    )
    assert (page.status_code, len(files(app))) == (200, 1)
    page = alice.post(f"/threads/{thread.id}/posts", data={"body": "Kept words", "take_out": file.token})
    assert "Kept words" in page.text
    assert files(app) == []
    work_off()
    with app.app_context(), pytest.raises(FileNotFoundError), storage.opened(file.storage_key):
        pass


def test_bob_cannot_send_what_waits_for_alice(app, browse, people, thread):
    browse(people.alice).post(f"/threads/{thread.id}/files", data={"files": sent()}, content_type="multipart/form-data")
    (file,) = files(app)
    assert reply(browse(people.bob), thread, file=str(file.id)).status_code == 303
    assert files(app)[0].post_id is None


def test_a_new_thread_takes_its_files_along(app, browse, people, make):
    room, alice = make.room(), browse(people.alice)
    address = f"/rooms/{room.slug}/threads/new"
    alice.post(f"{address}/files", data={"files": sent()}, content_type="multipart/form-data")
    (file,) = files(app)
    assert "Plan.pdf" in alice.get(address).text
    words = {"title": "Who decides?", "body": "See beside.", "file": str(file.id)}
    answer = alice.post(address, data=words | {"files": sent(picture(), "b.jpg", "image/jpeg")})
    assert answer.status_code == 303
    page = browse(people.bob).get(answer.location).text
    assert all(path(each) in page for each in files(app))
    assert len(files(app)) == 2


# What may come


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (b"<script>alert(1)</script>", "a.html", "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg", "image/svg+xml"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png", "image/png"),
        (b"<script>alert(1)</script>", "a.pdf", "application/pdf"),
        (PDF, "a.docx", ""),
        (PDF, "a.pdf", "text/html"),
        (PDF, "a.pdf.exe", ""),
        (b"", "a.pdf", "application/pdf"),
        (photo_from_a_phone()[:400], "a.jpg", "image/jpeg"),
    ],
)
def test_what_is_no_file_that_works_here_is_refused_with_a_sentence_and_nothing_is_kept(
    app, browse, people, thread, content, name, kind
):
    answer = reply(browse(people.alice), thread, sent(), sent(content, name, kind), body="My words stay")
    assert answer.status_code == 422
    assert "My words stay" in answer.text
    assert files(app) == []
    with app.app_context():
        assert list(storage.keys(now() + timedelta(days=1))) == []
        assert db.session.scalar(select(func.count()).select_from(Post)) == 1


def test_a_name_loses_its_path_and_what_turns_it_round(app, browse, people, thread):
    reply(browse(people.alice), thread, sent(name="..\\..\\etc/pass\u202efdp.\x07y.pdf"))
    (file,) = files(app)
    assert not re.search("[\\\\/\u202e\r\n]", file.name)
    answer = browse(people.bob).get(path(file))
    assert answer.status_code == 200
    assert "passfdp.y.pdf" in answer.headers["Content-Disposition"]


def test_a_document_that_is_too_large_is_refused_and_a_form_that_is_much_too_large_is_not_even_read(
    app, browse, people, thread, monkeypatch
):
    monkeypatch.setattr(attaching, "LARGEST", 2_000)
    answer = reply(browse(people.alice), thread, sent(PDF + bytes(2_000)))
    assert "is larger than 2 kB" in answer.text
    monkeypatch.setattr(attaching_pages, "_AT_ONCE", 2_000)
    assert reply(browse(people.alice), thread, sent(bytes(1_100_000))).status_code == 413
    assert files(app) == []


def test_a_post_takes_eight_files(app, browse, people, thread):
    alice, address = browse(people.alice), f"/threads/{thread.id}/files"
    for number in range(attaching.MOST):
        content = PDF + bytes([number])
        alice.post(address, data={"files": sent(content)}, content_type="multipart/form-data")
    answer = alice.post(address, data={"files": sent()}, content_type="multipart/form-data")
    assert (answer.status_code, "8 files at most" in answer.json["message"]) == (422, True)
    ids = [str(file.id) for file in files(app)]
    assert reply(alice, thread, file=ids).status_code == 303
    assert {file.post_id is None for file in files(app)} == {False}


def test_a_member_has_so_much_room_and_is_told_when_it_is_full(app, browse, people, thread, monkeypatch):
    monkeypatch.setitem(app.config, "MEMBER_FILES_MB", 1)
    alice = browse(people.alice)
    assert reply(alice, thread, sent(PDF + bytes(600_000))).status_code == 303
    answer = reply(alice, thread, sent(PDF + bytes(600_000), "Second.pdf"))
    assert (answer.status_code, "more than 1.0 MB" in answer.text) == (422, True)
    assert reply(browse(people.bob), thread, sent(PDF + bytes(600_000))).status_code == 303
    assert len(files(app)) == 2


def test_the_same_form_sent_twice_is_one_post_with_its_file_once(app, browse, people, thread):
    alice = browse(people.alice)
    for _ in range(2):
        assert reply(alice, thread, sent(), send_key="one form").status_code == 303
    kept = files(app)
    assert len({file.post_id for file in kept if file.post_id}) == 1
    assert len([file for file in kept if file.post_id]) == 1


@pytest.mark.parametrize("reason", ["locked", "unconfirmed"])
def test_whoever_may_not_write_here_puts_no_file_here(app, browse, people, make, thread, reason):
    who = people.alice
    if reason == "locked":
        with app.app_context(), transaction():
            ruling.lock(again(thread), because="It is said.", by=again(people.mo))
    else:
        who = make.member("Uma", entitled=True, confirmed_at=None)
    answer = browse(who).post(f"/threads/{thread.id}/files", data={"files": sent()}, content_type="multipart/form-data")
    assert answer.status_code in {403, 409}
    assert files(app) == []


@pytest.mark.parametrize("reason", ["closed", "hidden", "taken back"])
def test_a_form_sent_again_puts_nothing_beside_a_post_that_is_settled(app, browse, people, thread, reason):
    alice, form = browse(people.alice), {"body": "Good morning.", "send_key": "one form"}
    assert alice.post(f"/threads/{thread.id}/posts", data=form).status_code == 303
    alice.post(f"/threads/{thread.id}/files", data={"files": sent()}, content_type="multipart/form-data")
    (waits,) = files(app)
    with app.app_context(), transaction():
        post = db.session.scalars(select(Post).where(Post.author_id == people.alice.id)).one()
        if reason == "closed":
            ruling.lock(again(thread), because="It is said.", by=again(people.mo))
        elif reason == "hidden":
            ruling.hide(post, because="So.", by=again(people.mo))
        else:
            taking_back.take_back(post, by=again(people.alice))
    assert alice.post(f"/threads/{thread.id}/posts", data=form | {"file": waits.id}).status_code == 409
    assert [file.post_id for file in files(app)] == [None]


# Who may have it


@pytest.fixture
def attached(app, browse, make):
    """`attached(who, thread)`: a document beside a post of theirs, and the address."""

    def attach(who, thread, **more):
        assert reply(browse(who), thread, sent(**more)).status_code == 303
        return path(files(app)[-1])

    return attach


@pytest.mark.parametrize("kind", [RoomKind.MEMBERS, RoomKind.CIRCLE, RoomKind.COACHES, RoomKind.PUBLIC])
def test_a_file_opens_for_exactly_those_who_see_its_room(browse, people, make, attached, kind):
    sees = {
        RoomKind.COACHES: {"cory", "olga"},
        RoomKind.CIRCLE: {"alice", "mo", "cory", "olga"},
        RoomKind.MEMBERS: {"alice", "bob", "mo", "cory", "olga"},
        RoomKind.PUBLIC: {"visitor", "sam", "lena", "alice", "bob", "mo", "cory", "olga"},
    }
    room = make.circle(people.alice) if kind is RoomKind.CIRCLE else make.room(kind=kind)
    address = attached(people.cory, make.thread(by=people.cory, room=room))
    for name in sees[RoomKind.PUBLIC]:
        browser = browse(None if name == "visitor" else getattr(people, name))
        for ask in (browser.get, browser.head):
            answer = ask(address)
            assert (answer.status_code == 200) == (name in sees[kind]), (name, kind, answer.status_code)
            assert name in sees[kind] or PDF[:20] not in answer.data


def test_a_file_closes_with_its_post_and_opens_again_with_it(app, browse, people, thread, attached):
    address = attached(people.alice, thread)
    with app.app_context():
        post = db.session.scalars(select(Post).where(Post.number == 2)).one()
    for rule, bob, alice in (("hide", 404, 200), ("restore", 200, 200)):
        with app.app_context(), transaction():
            getattr(ruling, rule)(again(post), because="It names a patient.", by=again(people.mo))
        assert (browse(people.bob).get(address).status_code, browse(people.alice).get(address).status_code) == (
            bob,
            alice,
        )
        assert browse(people.mo).get(address).status_code == 200
        assert (address in browse(people.bob).get(f"/threads/{thread.id}").text) == (bob == 200)
    with app.app_context(), transaction():
        taking_back.take_back(again(post), by=again(people.alice))
    assert [browse(who).get(address).status_code for who in (people.bob, people.alice, people.mo)] == [404, 404, 200]
    assert address not in browse(people.alice).get(f"/threads/{thread.id}").text


def test_asked_safely_a_picture_tells_nothing_and_a_document_does_not_go(app, browse, people, make):
    room, alice = make.room(), browse(people.alice)
    words = {"title": "Who decides?", "body": "See beside.", "safely": "y"}
    address = f"/rooms/{room.slug}/threads/new"
    answer = alice.post(address, data=words | {"files": sent()}, content_type="multipart/form-data")
    assert (answer.status_code, "keeps the name of whoever wrote it" in answer.text) == (422, True)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Post)) == 0
    named = sent(photo_from_a_phone(), "alice-example.jpg", "image/jpeg")
    answer = alice.post(address, data=words | {"files": named}, content_type="multipart/form-data")
    assert answer.status_code == 303
    drawn = next(file for file in files(app) if file.is_picture)
    bob = browse(people.bob)
    got = bob.get(path(drawn))
    page = bob.get(answer.location).text
    main = page[page.index("<main") :]
    for said in (main, str(got.headers), got.data.decode("latin-1"), path(drawn)):
        assert "alice" not in said.casefold()


def test_nonsense_in_an_address_of_a_file_is_not_there(browse, people):
    for token in ("0" * 32, "x" * 32, "%00" * 32, "a"):
        assert browse(people.alice).get(f"/files/{token}").status_code == 404


def test_nonsense_in_place_of_a_file_is_a_post_without_one(app, browse, people, thread):
    for nonsense in ("9" * 40, "99999999999", "-1", "x", "\x00", "١"):
        assert reply(browse(people.alice), thread, file=nonsense, body=f"Words {nonsense!r}").status_code == 303
    assert files(app) == []


# When it goes


def test_alice_takes_a_file_out_of_her_post_and_bob_cannot(app, browse, people, thread, attached):
    address = attached(people.alice, thread)
    (file,) = files(app)
    assert "Remove Plan.pdf" in browse(people.alice).get(f"/posts/{file.post_id}/edit").text
    assert browse(people.bob).post(f"{address}/removal", data={}).status_code == 404
    before = browse(people.bob).get(f"/threads/{thread.id}").headers["ETag"]
    assert browse(people.alice).post(f"{address}/removal", data={}).status_code == 303
    assert files(app) == []
    answer = browse(people.bob).get(f"/threads/{thread.id}", headers={"If-None-Match": before})
    assert (answer.status_code, "Plan.pdf" in answer.text) == (200, False)


def test_what_nobody_posts_goes_after_two_weeks_and_what_was_posted_stays(
    app, browse, people, thread, attached, clock, work_off
):
    attached(people.alice, thread, name="Posted.pdf")
    browse(people.alice).post(f"/threads/{thread.id}/files", data={"files": sent()}, content_type="multipart/form-data")
    assert len(files(app)) == 2
    clock.shift(timedelta(days=15))
    with app.app_context():
        attaching.forget_old()
    work_off()
    assert [file.name for file in files(app)] == ["Posted.pdf"]
    with app.app_context():
        assert len(list(storage.keys(now() + timedelta(days=1)))) == 1


def test_the_files_of_a_page_cost_one_question_however_many(browse, people, thread, attached, count_queries):
    bob = browse(people.bob)

    def asked() -> int:
        with count_queries() as seen:
            assert bob.get(f"/threads/{thread.id}").status_code == 200
        return len(seen)

    none = asked()
    attached(people.alice, thread)
    one = asked()
    for number in range(4):
        attached(people.alice, thread, content=PDF + bytes([number]))
    assert asked() == one <= none + 1


def test_twenty_files_of_one_member_at_once_stay_within_eight(app, browse, people, thread):
    windows = [browse(people.alice) for _ in range(20)]

    def send(number: int) -> int:
        data = {"files": sent(PDF + bytes([number]))}
        return (
            windows[number]
            .post(f"/threads/{thread.id}/files", data=data, content_type="multipart/form-data")
            .status_code
        )

    answers = at_once(20, send)
    assert set(answers) == {200, 422}
    assert len(files(app)) == answers.count(200) == attaching.MOST
    with app.app_context():
        assert len(list(storage.keys(now() + timedelta(days=1)))) == attaching.MOST


def test_whoever_leaves_takes_all_files_along_and_out_and_the_words_stay(
    app, browse, people, thread, attached, work_off
):
    address = attached(people.alice, thread)
    with app.app_context():
        (part,) = [part for part in taking_along.parts_of(again(people.alice)) if part.name == "post-files"]
        (key,) = part.files.values()
        with storage.opened(key) as file:
            assert file.read() == PDF
        assert [row["name"] for row in part.rows] == ["Plan.pdf"]
    with app.app_context(), transaction():
        forgetting.forget(again(people.alice), words_too=False)
    work_off()
    page = browse(people.bob).get(f"/threads/{thread.id}").text
    assert ("See beside." in page, address in page) == (True, False)
    assert browse(people.bob).get(address).status_code == 404
    with app.app_context():
        assert list(storage.keys(now() + timedelta(days=1))) == []


def test_bytes_that_changed_on_the_disk_are_told_to_whoever_checks(app, people, thread, attached):
    attached(people.alice, thread)
    (file,) = files(app)
    with app.app_context():
        assert list(keeping.check()) == []
        storage.path_of(file.storage_key).write_bytes(PDF[:-1] + b"?")
        assert [str(wrong) for wrong in keeping.check()] == [
            f"post file {file.id}: its file has other bytes than were stored (SHA-256)"
        ]


# Into a post that stands there already


def edit(browser, post_id, *files, **more):
    data = {"body": "See beside.", "files": list(files)} | more
    return browser.post(f"/posts/{post_id}/edit", data=data, content_type="multipart/form-data")


@pytest.fixture
def hers(people, make, thread):
    return make.reply(thread, by=people.alice, body="See beside.")


def test_alice_adds_a_picture_to_her_post_and_bob_sees_it_and_that_it_was_edited(app, browse, people, thread, hers):
    alice, bob = browse(people.alice), browse(people.bob)
    before = bob.get(f"/threads/{thread.id}")
    assert f'href="/posts/{hers.id}/history"' not in before.text
    shown = alice.get(f"/posts/{hers.id}/edit").text
    assert 'enctype="multipart/form-data"' in shown
    assert f'to="/posts/{hers.id}/files"' in shown
    named = sent(photo_from_a_phone(), "IMG_1.jpg", "image/jpeg")
    page = edit(alice, hers.id, named, body="Half ready", attach="1")
    assert page.status_code == 200
    assert "Half ready</textarea>" in page.text
    (file,) = files(app)
    assert file.post_id is None
    assert path(file) not in bob.get(f"/threads/{thread.id}").text
    alt = {"file": str(file.id), f"alt-{file.id}": "Our board"}
    assert edit(alice, hers.id, sent(), **alt).status_code == 303
    answer = bob.get(f"/threads/{thread.id}", headers={"If-None-Match": before.headers["ETag"]})
    assert answer.status_code == 200
    for words in ('alt="Our board"', "Plan.pdf", f'href="/posts/{hers.id}/history"'):
        assert words in answer.text
    history = bob.get(f"/posts/{hers.id}/history").text
    assert "The last of these was added" in history
    assert "Plan.pdf" in history


def test_what_came_with_a_post_is_not_called_added(app, browse, people, thread, attached):
    attached(people.alice, thread)
    history = browse(people.bob).get(f"/posts/{files(app)[0].post_id}/history").text
    assert "Plan.pdf" in history
    assert "was added" not in history


def test_the_script_sends_a_file_for_a_post_and_nobody_else_does(app, browse, people, hers):
    address = f"/posts/{hers.id}/files"
    for who in (people.bob, people.mo):
        answer = browse(who).post(address, data={"files": sent()}, content_type="multipart/form-data")
        assert answer.status_code == 403
    alice = browse(people.alice)
    answer = alice.post(address, data={"files": sent()}, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["name"]) == (200, "Plan.pdf")
    (file,) = files(app)
    assert "Plan.pdf" in alice.get(f"/posts/{hers.id}/edit").text
    assert edit(browse(people.bob), hers.id, file=str(file.id)).status_code == 403
    assert edit(alice, hers.id, take_out=file.token).status_code == 200
    assert files(app) == []


@pytest.mark.parametrize("reason", ["too many", "unknown kind", "closed", "hidden", "asked safely"])
def test_what_is_added_later_is_asked_the_same_as_what_came_with_the_post(
    app, browse, people, make, thread, hers, reason
):
    alice, posted, came = browse(people.alice), hers.id, sent()
    if reason == "too many":
        for number in range(attaching.MOST):
            assert edit(alice, posted, sent(PDF + bytes([number]))).status_code == 303
    elif reason == "unknown kind":
        came = sent(b"MZ", "Plan.exe", "")
    elif reason == "closed":
        with app.app_context(), transaction():
            ruling.lock(again(thread), because="Enough.", by=again(people.mo))
    elif reason == "hidden":
        with app.app_context(), transaction():
            ruling.hide(again(hers), because="It names a patient.", by=again(people.mo))
    else:
        words = {"title": "Who decides?", "body": "See beside.", "safely": "y"}
        assert alice.post(f"/rooms/{make.room().slug}/threads/new", data=words).status_code == 303
        with app.app_context():
            posted = db.session.scalars(select(Post.id).order_by(Post.id.desc())).first()
    before = len([file for file in files(app) if file.post_id])
    assert edit(alice, posted, came).status_code in {403, 409, 422}
    assert len([file for file in files(app) if file.post_id]) == before
