"""The desk's figures count what they say."""

from __future__ import annotations


def test_members_counts_alice_and_bob_but_neither_lena_nor_staff(app, people):
    from portal.desk.figures import figures

    with app.app_context():
        found = {f.label: f.value for f in figures()}
    assert found["Members"] == 2
    assert found["New accounts"] == 4  # Alice, Bob, Lena, Sam
