"""Pages of conversations: who finds what, and what becomes of what is typed."""

from __future__ import annotations


def test_alice_starts_a_thread_and_bob_replies(browse, people, make):
    room = make.room("Leading people")
    alice, bob = browse(people.alice), browse(people.bob)
    answer = alice.post(
        f"/rooms/{room.slug}/threads/new", data={"title": "Who decides?", "body": "A *short* question."}
    )
    assert answer.status_code == 303
    thread = answer.location
    answer = bob.post(f"{thread}/posts", data={"body": "She does."})
    assert answer.status_code == 303
    page = alice.get(answer.location).text
    assert "A <em>short</em> question." in page
    assert "She does." in page
    assert "Who decides?" in bob.get(f"/rooms/{room.slug}").text
    assert room.title in bob.get("/rooms").text
