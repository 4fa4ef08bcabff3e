"""Search: finds what it should, shows only what the reader may know, survives what people type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.core import folding, indexing, search
from portal.core.admission import Audience
from portal.core.db import db, transaction

ALL = frozenset(Audience)
ANYONE = frozenset({Audience.ANYONE})
MEMBERS = frozenset({Audience.ANYONE, Audience.SIGNED_IN, Audience.ENTITLED})


@pytest.fixture
def indexed(app):
    """Put things into the index: `indexed("tool", 1, "Role card", "Who answers")`."""

    def put(kind, ref_id, title, body, audience=Audience.ANYONE, **more):
        with app.app_context(), transaction():
            indexing.index(kind, ref_id, audience=audience, title=title, path=f"/{kind}/{ref_id}", body=body, **more)

    return put


@pytest.fixture
def found(app):
    """Search as somebody: titles, best first."""

    def ask(words, audiences=ALL, **more):
        with app.app_context():
            return search.search(words, audiences=audiences, **more)

    return ask


def titles(hits):
    return [hit.title for hit in hits]


def test_all_words_must_be_there_and_the_last_may_be_a_beginning(indexed, found):
    indexed("tool", 1, "Role card", "Who answers for what")
    indexed("tool", 2, "Seat map", "Who sits where")
    assert titles(found("who answ")) == ["Role card"]
    assert titles(found("answ who")) == []  # only the last word may be unfinished
    assert sorted(titles(found("who"))) == ["Role card", "Seat map"]
    assert titles(found("card role")) == ["Role card"]


def test_a_title_counts_more_than_a_body(indexed, found):
    indexed("tool", 1, "Seat map", "A card is mentioned")
    indexed("tool", 2, "Card", "Seats and maps")
    assert titles(found("card")) == ["Card", "Seat map"]


@pytest.mark.parametrize("typed", ["muller", "MÜLLER", "Müller", "mu\u0308ller", "mull"])
def test_accents_and_case_do_not_matter(indexed, found, typed):
    indexed("thread", 1, "Frau Müller fragt", "Größe, naïve, Œuvre")
    assert titles(found(typed)) == ["Frau Müller fragt"]
    assert titles(found("grosse")) == ["Frau Müller fragt"]


def test_a_reader_finds_only_what_their_audiences_may_see(indexed, found):
    for number, audience in enumerate(Audience, start=1):
        indexed("thing", number, f"For {audience.name}", "shared word", audience=audience)
    for number, audience in enumerate(Audience, start=1):
        assert [hit.ref_id for hit in found("shared", frozenset({audience}))] == [number]
    assert found("shared", frozenset()) == []


def test_the_inside_of_a_thing_is_found_and_shown_only_by_those_who_may_read_it(indexed, found):
    indexed("tool", 1, "Role card", "Teaser words", inside={Audience.ENTITLED: "hidden zanzibar words"})
    assert found("zanzibar", ANYONE) == []
    assert found("teaser zanzibar", ANYONE) == []
    assert "zanzibar" not in str(found("words", ANYONE)[0].snippet)
    assert titles(found("zanzibar", MEMBERS)) == ["Role card"]
    assert titles(found("teaser zanzibar", MEMBERS)) == ["Role card"]
    assert titles(found("role", MEMBERS)) == ["Role card"]  # twice in the index, once in the list


def test_what_lies_in_a_closed_circle_is_found_by_its_people_only(indexed, found):
    indexed("thread", 1, "Open", "shared words")
    indexed("thread", 2, "Closed", "shared words", scope="room:7", inside={Audience.ENTITLED: "and more"})
    for who in (ALL, MEMBERS, ANYONE):
        assert titles(found("shared", who)) == titles(found("shared", who, scopes={"room:8", "room:70"})) == ["Open"]
        assert sorted(titles(found("shared", who, scopes={"room:8", "room:7"}))) == ["Closed", "Open"]
    assert found("more", ANYONE, scopes={"room:7"}) == []  # belonging to the circle opens nothing else
    indexed("thread", 2, "Opened", "shared words")
    assert sorted(titles(found("shared"))) == ["Open", "Opened"]


def test_tags_and_days_narrow(indexed, found):
    spring, summer = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    indexed("thread", 1, "One", "word", tags=["topic:3", "room:7"], at=spring)
    indexed("thread", 2, "Two", "word", tags=["topic:33", "room:7"], at=summer)
    indexed("page", 3, "Page", "word")
    assert titles(found("word", tags=["topic:3"])) == ["One"]
    assert sorted(titles(found("word", tags=["room:7"]))) == ["One", "Two"]
    assert found("word", tags=["topic:3", "room:8"]) == found("word", tags=["topic:"]) == []
    assert titles(found("word", since=spring + timedelta(days=1))) == ["Two"]
    assert titles(found("word", until=spring + timedelta(days=1))) == ["One"]
    assert [hit.at for hit in found("word", tags=["topic:33"])] == [summer]
    assert len(found("word")) == 3


def test_what_is_indexed_again_says_only_what_it_says_now(indexed, found):
    indexed("tool", 1, "Role card", "before", inside={Audience.ENTITLED: "secret", Audience.SIGNED_IN: "secret"})
    indexed("tool", 1, "Seat map", "after", inside={Audience.ENTITLED: "hushed"})
    assert found("before") == found("secret") == found("role") == []
    assert titles(found("after")) == titles(found("hushed")) == ["Seat map"]
    indexed("tool", 1, "Seat map", "after", audience=Audience.MODERATORS)
    assert found("after", MEMBERS) == []
    assert titles(found("after", frozenset({Audience.MODERATORS}))) == ["Seat map"]


def test_what_is_forgotten_is_gone_for_everyone(indexed, found, app):
    indexed("tool", 1, "Role card", "words", inside={Audience.ENTITLED: "more"})
    indexed("tool", 2, "Seat map", "words")
    with app.app_context(), transaction():
        indexing.forget("tool", 1)
    assert titles(found("words")) == ["Seat map"]
    assert found("more") == []


def test_kinds_narrow(indexed, found):
    indexed("tool", 1, "Role card", "word")
    indexed("thread", 1, "About the card", "word")
    assert titles(found("word", kinds=["thread"])) == ["About the card"]
    assert found("word", kinds=[]) == []
    assert found("word", kinds=["'; DROP TABLE member; --"]) == []


def test_no_more_than_asked_for(indexed, found):
    for number in range(30):
        indexed("tool", number, f"Card {number}", "word", inside={Audience.ENTITLED: "word"})
    assert len(found("word", most=20)) == 20
    assert len({hit.ref_id for hit in found("word", most=30)}) == 30


def test_the_words_found_are_marked_and_everything_else_is_escaped(indexed, found):
    indexed("tool", 1, "Card", "<script>alert(1)</script> the Räte & roles <b>meet</b>")
    shown = str(found("rate")[0].snippet)
    assert shown == "&lt;script&gt;alert(1)&lt;/script&gt; the <mark>Räte</mark> &amp; roles &lt;b&gt;meet&lt;/b&gt;"


def test_the_stretch_shown_is_the_one_with_the_word(indexed, found):
    indexed("episode", 1, "Talk", "before " * 300 + "the needle stands here " + "after " * 300)
    shown = str(found("needle")[0].snippet)
    assert "<mark>needle</mark>" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 300
    assert shown.removesuffix(" …").split()[-1] == "after"  # cut between words


def test_the_stretch_shown_is_the_one_with_most_of_the_words(indexed, found):
    indexed("episode", 1, "Talk", "a seat " + "before " * 100 + "the surgeon left her seat empty " + "after " * 100)
    shown = str(found("seat surgeon")[0].snippet)
    assert "the <mark>surgeon</mark> left her <mark>seat</mark> empty" in shown


def test_letters_that_fold_to_several_do_not_move_the_marks(indexed, found):
    indexed("tool", 1, "Card", "ﬁne ½ … Straße ŉ ﷺ the needle")
    assert "<mark>needle</mark>" in str(found("needle")[0].snippet)


@pytest.fixture
def talk(indexed):
    """An hour of talk within an episode, for members; one line a minute."""

    def put(*lines, title="Talk", body="What it is about"):
        passages = [indexing.Passage(words, f"0:{at:02}:00", f"?t={at * 60}") for at, words in enumerate(lines)]
        indexed("episode", 1, title, body, inside={Audience.ENTITLED: ""}, passages=passages)

    return put


def test_a_word_in_a_long_text_leads_to_its_place(talk, found):
    talk("We begin with the seat.", "Frau Müller moved on.", "The seat again, and the surgeon.")
    hit = found("muller", MEMBERS)[0]
    assert [(place.path, place.label) for place in hit.places] == [("/episode/1?t=60", "0:01:00")]
    assert hit.snippet == hit.places[0].snippet == "Frau <mark>Müller</mark> moved on."
    assert [place.label for place in found("seat", MEMBERS)[0].places] == ["0:00:00", "0:02:00"]
    assert [place.label for place in found("seat surg", MEMBERS)[0].places] == ["0:02:00"]  # where most of them stand
    assert titles(found("muller surgeon", MEMBERS)) == ["Talk"]  # in one talk, if not in one breath
    assert found("muller", ANYONE) == []
    assert found("uller", MEMBERS) == []


def test_a_place_is_shown_where_a_word_begins_and_nowhere_else(talk, found):
    talk("The unseated one.", "Seated here.", "A seat.")
    assert [place.label for place in found("seat", MEMBERS)[0].places] == ["0:01:00", "0:02:00"]
    assert [place.label for place in found("seat a", MEMBERS)[0].places] == ["0:02:00"]  # only the last is a beginning


def test_what_the_text_itself_says_is_shown_before_its_places(talk, found):
    talk("The seat.", *["The seat again."] * 9, body="All about the seat")
    hit = found("seat", MEMBERS)[0]
    assert hit.snippet == "All about the <mark>seat</mark>"
    assert len(hit.places) == 3


def test_a_long_text_said_anew_keeps_nothing_of_the_old(talk, found, app):
    talk("zanzibar", "mombasa")
    talk("mombasa")
    assert found("zanzibar", MEMBERS) == []
    assert [place.label for place in found("mombasa", MEMBERS)[0].places] == ["0:00:00"]
    with app.app_context(), transaction():
        indexing.forget("episode", 1)
        assert db.session.query(search.SearchPassage).count() == 0


def test_places_cost_one_query_for_one_thing_as_for_ten(indexed, found, count_queries):
    for number in range(10):
        passages = [indexing.Passage(f"word {line}", "0:00:00") for line in range(5)]
        indexed("episode", number, "Talk", "", inside={Audience.ENTITLED: ""}, passages=passages)
    with count_queries() as queries:
        assert len(found("word", MEMBERS)) == 10
    assert len(queries) == 2


HOSTILE = [
    "", " ", "*", '"', '""', "'", "\\", "\x00", "a\x00b", "NEAR(a b)", "a AND b", "OR", "NOT a", "(", ")", "a:b",
    "title:card", "^a", "-a", "+a",
    "a*b*", "{a b}", "a & b | !c", "a:*", "<->", "a <-> b", ":*", "''", "%", "_", "__", "²", "½", "ß", "ﬁ", "İ",
    "🦷", "\u202e", "\ud7ff", "٣",
    "'; DROP TABLE member; --", "x" * 5000, "a " * 5000, "ａｂ", "क्षि", "日本語", "a\u0301" * 300,
]  # fmt: skip


@pytest.mark.parametrize("typed", HOSTILE)
def test_whatever_is_typed_is_only_words(indexed, found, typed):
    indexed("tool", 1, "Card", "a b c ² ½ ß 日本語")
    assert isinstance(found(typed), list)


@given(typed=st.text(max_size=60), body=st.text(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_snippet_shows_the_text_and_nothing_else(typed, body):
    import re
    from html import unescape

    terms = re.findall(r"[^\W_]+", folding.fold(typed))[:8] or ["a"]
    shown = unescape(re.sub(r"</?mark>", "", str(folding.snippet(body, terms))))
    assert shown.removeprefix("… ").removesuffix(" …") in " ".join(body.split())
