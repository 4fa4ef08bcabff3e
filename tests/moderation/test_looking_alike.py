"""Letters of another alphabet that look like ours get no word past the list, and honest words stay what they are."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.db import db, transaction
from portal.core.folding import words_of
from portal.moderation import watching
from portal.moderation.looking_alike import in_one_alphabet, mixed_in_one_alphabet
from tests.make import again

# Written with their numbers: nobody could see here which alphabet a letter is of.
OH, ER, ES, UH = "\u043e", "\u0440", "\u0441", "\u0443"  # Cyrillic letters that look like o, p, c, y
HONEST = "\u0432\u044b\u043d\u0435\u0441\u0438"  # "take out", in Russian
RUBBISH = f"{ES}{OH}{ER}"  # "rubbish", in Russian; it looks like cop
KRIPTO = "\u043a\u0440\u0438\u043f\u0442\u043e"  # "crypto", in Russian
OMICRON, RHO = "\u03bf", "\u03c1"


@pytest.mark.parametrize(
    ("entry", "said", "waits"),
    [
        ("crypto", f"Buy crypt{OH} now.", True),
        ("crypto*", f"Buy {ES}rypt{OH}{ES}{OH}ins now.", True),
        ("crypto", "\u0421R\u0423\u0420\u0422\u041e for all", True),
        ("crypto", f"Cry{RHO}t{OMICRON} for all", True),
        ("crypto", "\uff43\uff52\uff59\uff50\uff54\uff4f for all", True),
        ("crypto", f"\U0001d41c\U0001d42b\U0001d432\U0001d429\U0001d42d{OH} for all", True),
        ("buy now", f"Bu{UH} n{OH}w, {HONEST}!", True),
        ("cop", f"Call a {RUBBISH}.", True),
        ("cop", f"{HONEST} {RUBBISH}", False),
        (RUBBISH, f"{HONEST} {RUBBISH}", True),
        (RUBBISH, f"What a {RUBBISH}.", True),
        (RUBBISH, "Call a cop.", False),
        (KRIPTO, f"{HONEST} \u043ap\u0438\u043f\u0442o", True),
        (f"crypt{OH}", "Buy crypto now.", True),
        ("crypto", f"{KRIPTO} {HONEST}", False),
        ("ophthalmology", "\u03bf\u03c6\u03b8\u03b1\u03bb\u03bc\u03cc\u03c2", False),
    ],
)
def test_a_word_of_the_list_is_seen_in_whatever_letters_it_is_written(app, people, entry, said, waits):
    with app.app_context(), transaction():
        watching.add(entry, by=again(people.cory))
    with app.app_context():
        words = db.session.scalar(select(watching.all_words())) or ""
        assert watching.is_said(words, said) is waits


@pytest.mark.one_database
@pytest.mark.parametrize(
    "honest",
    [
        f"{HONEST} {RUBBISH}",
        "\u0414\u043e\u0431\u0440\u043e\u0435 \u0443\u0442\u0440\u043e, \u043a\u043e\u043b\u043b\u0435\u0433\u0438!",
        "\u03a4\u03bf \u03c0\u03c1\u03cc\u03b3\u03c1\u03b1\u03bc\u03bc\u03b1 \u03bc\u03b1\u03c2",
        "Müller said: “naïve café”, 5 µg.",
        "東京 and crypto",
        "",
    ],
)
def test_honest_words_of_one_alphabet_are_read_as_they_are(honest):
    assert words_of(in_one_alphabet(honest)) == words_of(honest)
    assert words_of(mixed_in_one_alphabet(honest)) == words_of(honest)
