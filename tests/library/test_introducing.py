"""Guests and the places outside where an episode can be heard."""

from __future__ import annotations

import pytest

from portal.core.db import db
from portal.library import introducing
from portal.library.introducing import Elsewhere, Named, NeedsAName, NotASafeAddress
from portal.library.models import Episode, Platform

APPLE, OVERCAST = "https://podcasts.example.com/apple/2", "https://overcast.example.com/+2"


@pytest.fixture
def change(make):
    """`change(episode, lambda e: …)` in a transaction of its own."""

    def do(episode, act):
        with make._saved():
            return act(db.session.get_one(Episode, episode.id))

    return do


@pytest.fixture
def around(app):
    def found(episode):
        with app.app_context():
            return introducing.guests_and_links(episode.id)

    return found


def test_guests_stand_in_the_order_in_which_they_were_named_and_can_be_named_anew(make, change, around):
    episode = make.episode()
    grace, ruth = Named("Grace Adeyemi", "Administrator", "https://example.com/grace"), Named("Ruth Okafor")
    change(episode, lambda e: introducing.introduce(e, [grace, ruth]))
    assert around(episode)[0] == [grace, ruth]
    change(episode, lambda e: introducing.introduce(e, [ruth, Named(" Sal\u202e \n Reyes ", "", " ")]))
    assert around(episode)[0] == [ruth, Named("Sal Reyes")]
    change(episode, lambda e: introducing.introduce(e, []))
    assert around(episode)[0] == []


def test_a_guest_without_a_name_is_refused(make, change):
    with pytest.raises(NeedsAName):
        change(make.episode(), lambda e: introducing.introduce(e, [Named("\u200f ")]))


def test_an_owner_says_where_the_podcast_is_heard_and_what_closed(app, make, around):
    episode, run = make.episode(), app.test_cli_runner().invoke
    assert run(args=["library", "heard-on", "Overcast", OVERCAST]).exit_code == 0
    assert around(episode)[1] == [Elsewhere("Overcast", OVERCAST)]
    assert run(args=["library", "closed", "Overcast"]).exit_code == 0
    assert around(episode)[1] == []
    for wrong in (["closed", "Nowhere"], ["heard-on", "Overcast", "http://overcast.example.com"]):
        answer = run(args=["library", *wrong])
        assert answer.exit_code == 1
        assert "Traceback" not in answer.output
    assert around(episode)[1] == []


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com", "javascript:alert(1)", "//example.com", "/library", "example.com", "https://", "https://x",
        "https://me@example.com/", "https://example.com/a b", "https://example.com\\@evil.example", "https://[::1",
        "https://example.com:port/", "https://example.com/\u202e", "data:text/html,x",
        "https://example.com/" + "a" * 500,
    ],
)  # fmt: skip
def test_only_whole_https_addresses_become_links(make, change, address):
    episode = make.episode()
    with pytest.raises(NotASafeAddress):
        change(episode, lambda e: introducing.introduce(e, [Named("Grace", link=address)]))
    with pytest.raises(NotASafeAddress):
        change(episode, lambda e: introducing.link(e, {"Overcast": address}))


def test_an_episode_is_linked_where_it_is_and_the_program_where_it_is_not(make, change, around):
    episode, other = make.episode(), make.episode("Another")
    with make._saved():
        introducing.is_heard_on("Apple Podcasts", address="https://podcasts.example.com/apple")
    change(episode, lambda e: introducing.link(e, {"Apple Podcasts": APPLE, "Overcast": OVERCAST}))
    assert around(episode)[1] == [Elsewhere("Apple Podcasts", APPLE), Elsewhere("Overcast", OVERCAST)]
    assert around(other)[1] == [Elsewhere("Apple Podcasts", "https://podcasts.example.com/apple")]
    change(episode, lambda e: introducing.link(e, {"Overcast": OVERCAST + "0"}))
    assert around(episode)[1][1] == Elsewhere("Overcast", OVERCAST + "0")
    assert around(episode)[1][0].address == "https://podcasts.example.com/apple"


def test_when_a_platform_closes_one_change_takes_all_its_links_away(make, change, around):
    episodes = [make.episode(f"Talk {number}") for number in range(3)]
    for episode in episodes:
        change(episode, lambda e: introducing.link(e, {"Bygone Podcasts": APPLE, "Overcast": OVERCAST}))
    with make._saved():
        introducing.has_closed(db.session.query(Platform).filter_by(name="Bygone Podcasts").one())
    assert [around(episode)[1] for episode in episodes] == [[Elsewhere("Overcast", OVERCAST)]] * 3
    with make._saved():
        introducing.is_heard_on("Bygone Podcasts")  # it came back
    assert around(episodes[0])[1][0] == Elsewhere("Bygone Podcasts", APPLE)
