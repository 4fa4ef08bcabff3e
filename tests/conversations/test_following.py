"""Following a thread begins by taking part and ends when the member says so."""

from __future__ import annotations

from portal.conversations.following import followers_of


def _followers(app, thread):
    with app.app_context():
        return set(followers_of(thread.id))


def test_bob_follows_without_writing_and_mutes_again(app, browse, people, make):
    thread, bob = make.thread(by=people.alice), browse(people.bob)
    path = f"/threads/{thread.id}"
    assert "Follow this thread" in bob.get(path).text
    assert bob.post(f"{path}/follow").status_code == 303
    assert _followers(app, thread) == {people.alice.id, people.bob.id}
    assert "Mute this thread" in bob.get(path).text
    assert bob.post(f"{path}/mute").status_code == 303
    assert _followers(app, thread) == {people.alice.id}


def test_replying_does_not_undo_a_mute(app, browse, people, make):
    thread, alice = make.thread(by=people.alice), browse(people.alice)
    alice.post(f"/threads/{thread.id}/mute")
    make.reply(thread, by=people.alice)
    assert _followers(app, thread) == set()
    alice.post(f"/threads/{thread.id}/follow")
    assert _followers(app, thread) == {people.alice.id}


def test_following_twice_is_following(app, browse, people, make):
    thread, bob = make.thread(by=people.alice), browse(people.bob)
    for _ in range(2):
        assert bob.post(f"/threads/{thread.id}/follow").status_code == 303
    assert _followers(app, thread) == {people.alice.id, people.bob.id}
