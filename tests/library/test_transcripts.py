"""WebVTT as people write it, and as they should not."""

from __future__ import annotations

import pytest

from portal.library import transcripts


def test_turns_become_paragraphs_and_a_long_turn_gets_a_new_stamp():
    cues = "\n\n".join(
        f"00:{m:02}:{s:02}.000 --> 00:{m:02}:{s + 5:02}.000\n<v Cory>Line {m}.{s}" for m in (0, 1) for s in (0, 20, 40)
    )
    found = transcripts.passages(f"WEBVTT\n\n{cues}\n\n00:02:00.000 --> 00:02:05.000\n<v Olga>Mine.")
    assert [(p.stamp, p.speaker) for p in found] == [("0:00:00", "Cory"), ("0:01:00", "Cory"), ("0:02:00", "Olga")]
    assert found[0].words == "Line 0.0 Line 0.20 Line 0.40"


def test_windows_line_ends_hours_and_no_voices():
    found = transcripts.passages("WEBVTT\r\n\r\n01:02:03.500 --> 01:02:04.000\r\nHello.\r\n")
    assert [(p.second, p.stamp, p.speaker, p.words) for p in found] == [(3723, "1:02:03", None, "Hello.")]


@pytest.mark.parametrize(
    "text", ["", "WEBVTT", "not one at all", "00:00 --> x", "WEBVTT\n\n-->\n-->", "a --> b\n\n" * 50, "\x00" * 9]
)
def test_what_is_no_transcript_is_empty(text):
    assert transcripts.passages(text) == ()


def test_chapters_without_a_time_are_left_out():
    found = transcripts.chapters(["0:00 Opening", "no time", "1:02:03 Late", "9:99999 x", "1:00", "٣:٠٠ x"])
    assert [(c.stamp, c.title) for c in found] == [("0:00:00", "Opening"), ("1:02:03", "Late")]
