"""The forms again as Word documents, for those who would rather type than write.

Each form is the writing part of its printed sheet; the explaining part stays in the PDF. Fonts are ones every office
machine has. Tables carry a repeating header row and documents carry a title and a language, so that a screen reader
can say where it is.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from docx import Document
from docx.document import Document as Paper
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table, _Cell

INK, GREEN, QUIET = RGBColor(0x1F, 0x2A, 0x2E), RGBColor(0x1F, 0x5C, 0x4D), RGBColor(0x56, 0x60, 0x65)
SERIF, SANS = "Georgia", "Calibri"
TEXT_WIDTH_MM = 166.0


def role_card(to: Path) -> None:
    paper = _begin(
        "Role card",
        "One page that says what a seat is for, what its holder answers for, and what they may leave alone.",
    )
    _pairs(paper, ["Seat", "Held by", "Answers to", "Agreed on  /  look at it again on"])
    _question(paper, "This seat exists so that …", "One sentence. If it needs two, there may be two seats.")
    _heading(
        paper, "Answers for", "Three to five results, not tasks. Say how anyone could tell, without asking the holder."
    )
    _grid(paper, ["Result", "How we can tell, and how often we look"], [["", ""]] * 5, [83, 83])
    _heading(paper, "The edges of the seat", "")
    _grid(paper, ["Decides without asking", "Asks first", "Leaves to others"], [["", "", ""]] * 3, [55, 55, 56])
    _signatures(paper, ["Holder", "Answers to", "Date"])
    paper.save(str(to))


def contributor_or_manager(to: Path) -> None:
    paper = _begin(
        "Contributor or manager?",
        "The two private pages and the shared one. Send each person only their own part before you meet.",
    )
    _heading(
        paper,
        "For the person",
        "Mark with an x where you stand on each line. Nobody else reads this unless you show them.",
    )
    sides = [
        (
            "On a free afternoon I would take a difficult case.",
            "On a free afternoon I would sit with a colleague who is stuck.",
        ),
        (
            "I would rather do it than explain it a third time.",
            "I do not mind explaining it a third time, differently.",
        ),
        ("Unfinished conflict is noise I work around.", "Unfinished conflict keeps me awake until I have spoken."),
        ("I know my own results to the decimal.", "I know who on the team is having a bad month."),
        ("Praise for my work is the praise I remember.", "Praise for someone I taught is the praise I remember."),
        ("I want fewer interruptions.", "I want the interruptions to be for the right things."),
        ("When someone is late again, I hope it stops.", "When someone is late again, I ask them, today."),
        ("I would miss the work within a week.", "I would miss the people within a week."),
    ]
    _grid(
        paper,
        ["More like this", "1", "2", "3", "4", "5", "More like this"],
        [[left, "", "", "", "", "", right] for left, right in sides],
        [58, 10, 10, 10, 10, 10, 58],
    )
    for question in (
        "The part of leading people I am looking forward to",
        "The part I would do only because nobody else would",
        "If the title, the money and the esteem were the same in both seats, I would choose …",
    ):
        _question(paper, question, "")
    paper.add_page_break()
    _heading(
        paper,
        "For the owner",
        "About the same person, before you have seen their page. Mark what you have seen with your own eyes.",
    )
    seen = [
        "Told a colleague something unwelcome, in private and within days, and the two still work well together",
        "Someone less experienced got measurably better beside them",
        "Changed a plan because of what a quieter person said",
        "Notices strain in others before a mistake shows it",
        "Lets a job be done in a way that is not theirs, and good enough",
        "Keeps small promises to people who cannot reward them",
    ]
    _grid(paper, ["What I have seen", "When, and what happened"], [[line, ""] for line in seen], [83, 83])
    for question in (
        "What would the practice lose for every day they spend managing?",
        "Who else has the gift for people, with no letters after the name?",
        "Am I offering this because they are suited to it, or because I have nothing else to offer?",
        "What could I offer instead?",
    ):
        _question(paper, question, "")
    paper.add_page_break()
    _heading(paper, "Together", "What we decided, for now.")
    _grid(
        paper,
        ["Choice", "Yes", "What has to happen, and by when"],
        [["Stays an expert contributor", "", ""], ["Leads the team", "", ""], ["Tries it for ninety days", "", ""]],
        [60, 14, 92],
    )
    _question(paper, "What we tell the team, who tells them, and when", "")
    _question(
        paper,
        "The way back, in words we would both be glad to read aloud",
        "Write it before the first day, while nobody needs it.",
    )
    _signatures(paper, ["Name", "Owner", "We look again on"])
    paper.save(str(to))


def surgical_team_expectations(to: Path) -> None:
    paper = _begin(
        "Expectations agreement", "For a surgical team: what surgeon, staff and manager may count on from one another."
    )
    _pairs(paper, ["Room or team", "Manager of the team", "Agreed on", "Look again on"])
    _heading(
        paper,
        "What each of us may count on",
        "Change every line until it is yours; the Tab key in the last cell adds a row. "
        "Clinical protocol and law stand above this page, always.",
    )
    for moment, lines in {
        "Before the day": [
            "Preference card is true as of this month. Changes reach the team by noon the day before.",
            "Room set and counted fifteen minutes before the patient; what is missing is said out loud, not hoped for.",
            "The schedule is out two weeks ahead. Nobody learns of a long day from the day itself.",
        ],
        "In the room": [
            "Names first, instruction second, thanks at closing. Correction is about the next move; the rest waits.",
            "Eyes on the field, one voice at a time. Anyone says “stop” and everyone stops; the reason comes after.",
            "Reachable, and not in the room to watch. Phones, visitors and questions from outside end at the door.",
        ],
        "After": [
            "Two minutes with the team before leaving: one thing to keep, one thing to change.",
            "Turnover begins when the patient has left, not the surgeon. Near misses are written down the same day.",
            "Hears both sides within one working day when something was said that should not have been.",
        ],
    }.items():
        rows = [
            [who, line, ""] for who, line in zip(["Surgeon", "Scrub and circulating", "Manager"], lines, strict=True)
        ]
        _grid(paper, ["Who", moment, "How we can tell"], rows, [34, 92, 40])
    _heading(paper, "When it gets loud", "Agree on the words while nobody needs them.")
    _grid(
        paper,
        ["We say", "We do not say"],
        [
            ["“Stop, please.” Anyone, any time, no rank.", "Anything about a person’s worth or wits."],
            ["“I need …” rather than “Why is there no …”", "A colleague’s mistake, outside this room."],
            ["“Say it back to me.”", "“Not my job,” with a patient on the table."],
            ["", ""],
        ],
        [83, 83],
    )
    _heading(
        paper, "Who handles what", "One name on each line, and a different name from the surgeon’s wherever it can be."
    )
    _grid(
        paper,
        ["Matter", "One name", "When that person is away"],
        [
            [matter, "", ""]
            for matter in (
                "The standard of the operation itself",
                "Schedule, leave and overtime",
                "Reviews and pay conversations",
                "A quarrel inside the team",
                "Supplies, trays and repairs",
                "Teaching a new colleague the room",
                "",
            )
        ],
        [66, 50, 50],
    )
    _heading(paper, "What the work takes out of people", "")
    for line in (
        "Nobody is in the room for more than ____ hours without a break that someone else covers.",
        "After a death or a grave complication, the day pauses for ____ minutes, and the manager speaks with "
        "each person before they drive home.",
        "Each of us has a one-to-one at least every ____ weeks, and it is not canceled for a case.",
    ):
        paper.add_paragraph(line)
    _signatures(paper, ["Surgeon", "For the team", "Manager"])
    paper.save(str(to))


def one_to_one(to: Path) -> None:
    paper = _begin("One-to-one, under pressure", "Thirty minutes. Clear about the mark, kind about the cost.")
    _pairs(paper, ["With", "Date", "Last time we agreed that", "Was it kept?"])
    _grid(
        paper,
        ["Minutes", "Ask", "Notes"],
        [
            ["5", "Arrive. How was the week on you? (Then wait.)", ""],
            ["7", "Theirs first. What would you change by Friday, if it were only up to you?", ""],
            [
                "8",
                "The mark. Two results from the role card: what is true today, what was agreed, what stands between.",
                "",
            ],
            ["5", "The load. What can be dropped, moved, or done worse? What I will take away.", ""],
            ["5", "Leave with one promise each, with a day.", ""],
        ],
        [20, 60, 86],
        tall=True,
    )
    _question(paper, "They will …  by …", "")
    _question(paper, "I will …  by …", "")
    _heading(paper, "The hard sentence, prepared", "Only when there is one. In this order, then stop.")
    _grid(
        paper,
        ["Sentence", "My words"],
        [["What I saw", ""], ["What it costs", ""], ["What I need, and what I offer", ""]],
        [52, 114],
    )
    note = paper.add_paragraph()
    _run(
        note,
        "This page belongs to the two of you. Health, family and anything told in confidence stay off it.",
        size=9,
        color=QUIET,
    )
    paper.save(str(to))


def meeting_rhythm(to: Path) -> None:
    paper = _begin(
        "Meeting rhythm", "Our five meetings, the ones we stop, and the page for whoever leads the weekly one."
    )
    _heading(paper, "Ours", "Change hours and people until it fits. Leave the purposes short.")
    _grid(
        paper,
        ["Meeting", "Day and hour", "Who is in it", "Who leads it", "What it is for"],
        [
            ["Huddle, every day", "", "", "", "What is different today, who is stretched, one thing to watch"],
            ["One-to-one, every second week", "", "", "", "The person, the mark, the load"],
            ["Numbers, every week", "", "", "", "Five numbers, a name beside each"],
            ["Standard of the work, every month", "", "", "", "Two cases or files, and what good looks like here"],
            ["Half day out, every quarter", "", "", "", "Role cards reread, three things, one thing to stop"],
        ],
        [36, 26, 32, 26, 46],
    )
    _question(paper, "Meetings we stop, from which date", "Including the ones in the doorway.")
    paper.add_page_break()
    _heading(paper, "This week’s numbers meeting", "Forty-five minutes. Begins without latecomers, ends on the minute.")
    _pairs(paper, ["Date", "Led by"])
    _grid(
        paper,
        ["Number", "One name", "We want", "Last week", "Topic today?"],
        [["", "", "", "", ""]] * 5,
        [56, 32, 26, 26, 26],
    )
    _grid(paper, ["The two that matter", "What we know", "What we try"], [["1", "", ""], ["2", "", ""]], [36, 65, 65])
    _grid(paper, ["Promise", "Who", "By", "Kept"], [["", "", "", ""]] * 5, [86, 36, 26, 18])
    paper.save(str(to))


def conflict_conversation(to: Path) -> None:
    paper = _begin(
        "Conflict conversation guide", "Preparation for the talk you have been putting off. Delete it afterward."
    )
    for question, why in (
        ("What happened, as a camera would have seen it", "No adjectives, no “always.”"),
        ("The story I am telling myself about why", "Write it down so that you can leave it at home."),
        ("What it costs, and whom", ""),
        ("My part in it", "There is one. You will say it early."),
        ("What I need to be different, and by when", "One thing. Something another person could see."),
    ):
        _question(paper, question, why)
    _heading(paper, "My words", "Twenty minutes in all. More than a third of it is theirs.")
    _grid(
        paper,
        ["Minutes", "Part", "My sentence"],
        [
            ["0–2", "Say what it is", ""],
            ["2–4", "What I saw, what it cost", ""],
            ["4–5", "My part", ""],
            ["5–12", "Their side", "How did it look from where you were?"],
            ["12–17", "One thing", ""],
            ["17–20", "Read back", ""],
        ],
        [20, 46, 100],
    )
    _heading(paper, "The week after", "")
    _pairs(paper, ["They promised", "I promised", "I thanked them for something real on", "We looked again on"])
    paper.save(str(to))


def first_ninety_days(to: Path) -> None:
    paper = _begin(
        "First ninety days", "For someone who leads people for the first time, and the owner who asked them to."
    )
    _pairs(paper, ["New manager", "Owner", "First day", "Day 90"])
    _heading(paper, "Before the first day", "")
    _grid(
        paper,
        ["What is true", "Done on"],
        [
            [line, ""]
            for line in (
                "The role card is written, by both, and lists what the owner will no longer decide.",
                "At least half of the old work has somebody else’s name on it in the calendar.",
                "Pay and title are settled; the team hears it from the owner, in one meeting.",
                "The expert who might have been asked was told first, and privately.",
                "A standing half hour, owner and manager, every week.",
            )
        ],
        [132, 34],
    )
    for days, promises in {
        "Days 1–30: listen": (
            "A half hour with each person: what works, what is in your way, what should I never change?",
            "One whole day beside each job on the team.",
            "A count of the questions that go around me.",
        ),
        "Days 31–60: one thing": (
            "What will be different, from when, and how anyone could tell.",
            "The first hard conversation, prepared in writing.",
            "Something taken away from somebody’s desk.",
        ),
        "Days 61–90: rhythm": (
            "Huddle and one-to-ones happen on days I am not looking.",
            "Two numbers are mine, and the team can say what they are.",
            "Someone has stood in for me for two days.",
        ),
    }.items():
        _grid(paper, [days, "Notes"], [[line, ""] for line in promises], [86, 80])
    _heading(
        paper,
        "How it is going",
        "Each fills it in alone, then compare. 1: not yet. 4: yes, and the team would say so too.",
    )
    _grid(
        paper,
        ["What we would like to be true", "Mgr 30", "Own 30", "Mgr 60", "Own 60", "Mgr 90", "Own 90"],
        [
            [line, *[""] * 6]
            for line in (
                "People bring it to the manager first",
                "Expectations are said, not hinted",
                "The team’s load is known and discussed",
                "The experts are interrupted less",
                "The owner has stopped deciding these things",
                "The manager would take the seat again",
            )
        ],
        [70, 16, 16, 16, 16, 16, 16],
    )
    _question(paper, "Day 90: keep, change, or step back with thanks", "All three are respectable.")
    paper.save(str(to))


def expert_agreement(to: Path) -> None:
    paper = _begin("Expert’s agreement", "What the practice and a senior expert promise each other.")
    _pairs(paper, ["Expert", "For the practice", "Agreed on", "We look again on"])
    _question(
        paper,
        "What the practice would miss without you",
        "Written by the owner. Specific enough that it could be about nobody else.",
    )
    _heading(paper, "The expert promises", "Three or four. Results of one’s own hands, and what one passes on.")
    _grid(
        paper,
        ["I will", "How anyone could tell"],
        [["Keep the standard of …", ""], ["Teach … (one person, or one morning a month)", ""], ["", ""]],
        [96, 70],
    )
    _heading(paper, "The practice promises", "")
    _grid(
        paper,
        ["Promise", "In our case, this means"],
        [
            ["Money, as high as a manager’s", ""],
            ["A say: what you decide alone", ""],
            ["Protection: what will not reach you", ""],
            ["Help: who works beside you", ""],
            ["Company: peers, courses, visits", ""],
        ],
        [62, 104],
    )
    _heading(paper, "The two lists", "Strike out, add, keep short.")
    _grid(
        paper,
        ["You will not be asked to", "What stays expected of you"],
        [
            ["Approve leave or swap shifts", "Speak to those around you as you would wish a client to hear it"],
            ["Write or hold reviews", "Ask the team’s manager, who is allowed to say no"],
            ["Come between two people who have fallen out", "Be on time, finish records, write down near misses"],
            ["Attend a meeting because of your rank", "Say when you are worn out, while something can be done"],
            ["", ""],
        ],
        [83, 83],
    )
    _question(paper, "What would make you leave, and what would make you stay ten years?", "Answered by the expert.")
    _question(
        paper, "If you ever want to lead people after all", "The door is open, and this is how we would find out."
    )
    _signatures(paper, ["Expert", "For the practice", "Date"])
    paper.save(str(to))


FORMS = {
    "role-card": role_card,
    "contributor-or-manager": contributor_or_manager,
    "surgical-team-expectations": surgical_team_expectations,
    "one-to-one-under-pressure": one_to_one,
    "meeting-rhythm": meeting_rhythm,
    "conflict-conversation": conflict_conversation,
    "first-ninety-days": first_ninety_days,
    "expert-agreement": expert_agreement,
}


def _begin(title: str, deck: str) -> Paper:
    paper = Document()
    section = paper.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(22)
    section.top_margin, section.bottom_margin = Mm(20), Mm(22)
    properties = paper.core_properties
    properties.title, properties.author, properties.language = (
        f"{title} · Practice Freedom",
        "Practice Freedom",
        "en-US",
    )
    properties.created = properties.modified = datetime(2026, 9, 1)
    properties.last_modified_by, properties.comments = "Practice Freedom", ""
    normal = paper.styles["Normal"]
    normal.font.name, normal.font.size, normal.font.color.rgb = SANS, Pt(10.5), INK
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), SANS)
    normal.paragraph_format.space_after = Pt(4)
    for name, size, color in (("Title", 26, INK), ("Heading 1", 15, GREEN), ("Heading 2", 12.5, INK)):
        style = paper.styles[name]
        style.font.name, style.font.size, style.font.color.rgb, style.font.bold = SERIF, Pt(size), color, False
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for which in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(which), None)
        style.paragraph_format.keep_with_next = True
    for border in paper.styles["Title"].element.findall(f".//{qn('w:pBdr')}"):
        border.getparent().remove(border)
    brand = paper.add_paragraph()
    _run(brand, "PRACTICE FREEDOM", size=8, color=GREEN, bold=True)
    _rule_below(brand)
    head = paper.add_paragraph(title, style="Title")
    head.paragraph_format.space_before, head.paragraph_format.space_after = Pt(10), Pt(2)
    below = paper.add_paragraph()
    below.paragraph_format.space_after = Pt(12)
    _run(below, deck, size=12, color=QUIET, italic=True, font=SERIF)
    foot = section.footer.paragraphs[0]
    _run(foot, f"Practice Freedom  ·  {title}  ·  First edition, 2026", size=8, color=QUIET)
    return paper


def _heading(paper: Paper, words: str, hint: str) -> None:
    head = paper.add_paragraph(words, style="Heading 1")
    head.paragraph_format.space_before, head.paragraph_format.space_after = Pt(14), Pt(2)
    if hint:
        line = paper.add_paragraph()
        line.paragraph_format.keep_with_next = True
        _run(line, hint, size=9, color=QUIET)


def _question(paper: Paper, words: str, hint: str) -> None:
    head = paper.add_paragraph(words, style="Heading 2")
    head.paragraph_format.space_before, head.paragraph_format.space_after = Pt(10), Pt(1)
    if hint:
        line = paper.add_paragraph()
        line.paragraph_format.keep_with_next = True
        _run(line, hint, size=9, color=QUIET)
    answer = paper.add_paragraph()
    answer.paragraph_format.space_before = Pt(10)
    _rule_below(answer, color="AAB3B0", size=4)


def _pairs(paper: Paper, labels: Sequence[str]) -> None:
    """Short labelled fields, two to a row: the label small above, room to type below."""
    table = paper.add_table(rows=0, cols=2)
    table.autofit = False
    _flush_left(table)
    for start in range(0, len(labels), 2):
        cells = table.add_row().cells
        for cell, label in zip(cells, labels[start : start + 2], strict=False):
            cell.width = Mm(TEXT_WIDTH_MM / 2)
            _run(cell.paragraphs[0], label, size=8.5, color=QUIET)
            cell.add_paragraph()
            _borders(cell, bottom=("AAB3B0", 4))
    paper.add_paragraph().paragraph_format.space_after = Pt(0)


def _grid(
    paper: Paper, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float], *, tall: bool = False
) -> None:
    table = paper.add_table(rows=1, cols=len(heads))
    table.autofit = False
    for cell, head in zip(table.rows[0].cells, heads, strict=True):
        _run(cell.paragraphs[0], head, size=9.5, color=GREEN, bold=True)
        _borders(cell, bottom=("1F5C4D", 8))
    _flush_left(table)
    repeat = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(repeat)
    for row in rows:
        drawn = table.add_row()
        drawn.height = Mm(22 if tall else 9)
        drawn._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        for cell, words in zip(drawn.cells, row, strict=True):
            cell.paragraphs[0].paragraph_format.space_before = Pt(3)
            _run(cell.paragraphs[0], words)
            _borders(cell, bottom=("AAB3B0", 4))
    for drawn in list(table.rows)[:-1]:  # a short table stays on one page
        for cell in drawn.cells:
            cell.paragraphs[0].paragraph_format.keep_with_next = True
    _set_widths(table, widths)
    paper.add_paragraph().paragraph_format.space_after = Pt(2)


def _signatures(paper: Paper, names: Sequence[str]) -> None:
    table = paper.add_table(rows=1, cols=len(names))
    table.autofit = False
    _flush_left(table)
    for cell, name in zip(table.rows[0].cells, names, strict=True):
        cell.paragraphs[0].paragraph_format.space_before = Pt(22)
        _borders(cell, top=None, bottom=("AAB3B0", 4))
        _run(cell.paragraphs[0], name, size=8.5, color=QUIET)
        cell.add_paragraph()
    _set_widths(table, [TEXT_WIDTH_MM / len(names)] * len(names))


def _set_widths(table: Table, widths: Sequence[float]) -> None:
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for row in table.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Mm(width)


def _flush_left(table: Table) -> None:
    """Let the words in a table begin where the words above it begin."""
    margins = OxmlElement("w:tblCellMar")
    for side, twips in (("left", "0"), ("right", "160")):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), twips)
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    properties = table._tbl.tblPr
    layout = properties.find(qn("w:tblLook"))
    if layout is not None:
        layout.addprevious(margins)
    else:
        properties.append(margins)


def _borders(cell: _Cell, **sides: tuple[str, int] | None) -> None:
    """Lines of a cell: colour, and width in eighths of a point."""
    box = OxmlElement("w:tcBorders")
    for side, line in sides.items():
        if line is not None:
            edge = OxmlElement(f"w:{side}")
            for key, value in (("val", "single"), ("sz", str(line[1])), ("space", "0"), ("color", line[0])):
                edge.set(qn(f"w:{key}"), value)
            box.append(edge)
    cell._tc.get_or_add_tcPr().append(box)


def _rule_below(paragraph, *, color: str = "1F5C4D", size: int = 8) -> None:  # type: ignore[no-untyped-def]
    box, edge = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for key, value in (("val", "single"), ("sz", str(size)), ("space", "4"), ("color", color)):
        edge.set(qn(f"w:{key}"), value)
    box.append(edge)
    paragraph._p.get_or_add_pPr().append(box)
    paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT


def _run(
    paragraph,
    words: str,
    *,
    size: float = 10.5,
    color: RGBColor = INK,
    bold: bool = False,  # type: ignore[no-untyped-def]
    italic: bool = False,
    font: str = SANS,
) -> None:
    run = paragraph.add_run(words)
    run.font.size, run.font.color.rgb, run.font.bold, run.font.italic, run.font.name = (
        Pt(size),
        color,
        bold,
        italic,
        font,
    )
