"""The forms with sums in them, as workbooks. Cells to fill in are tinted; everything else can be left alone.

A formula says nothing until there is something to say, so that an empty workbook is an empty page and not a row of
noughts.
"""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from openpyxl import Workbook
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

INK, GREEN, QUIET, HAIR = "1F2A2E", "1F5C4D", "566065", "AAB3B0"
TINT = PatternFill("solid", fgColor="F3F6F1")
ALARM = PatternFill("solid", bgColor="F6E3CF")
UNDER_HEAD = Border(bottom=Side("medium", color=GREEN))
UNDER_ROW = Border(bottom=Side("thin", color=HAIR))
Row = Sequence[str | float | date]


def delegation_planner(to: Path) -> None:
    book = _begin("Delegation planner")
    _week(book.create_sheet("Week"), [], rows=30)
    _handovers(book.create_sheet("Handovers"), [], week="Week")
    _week(
        book.create_sheet("Example week"),
        [
            ("Patients, in the chair", 22, "A", ""),
            ("Treatment plans", 4, "A", ""),
            ("Answering schedule questions", 3.5, "C", "Location lead"),
            ("Approving supply orders", 1.5, "C", "Lead assistant"),
            ("Interviewing for the front desk", 2, "B", "Practice manager"),
            ("Writing to referring dentists", 2, "B", "Associate, with my notes"),
            ("Checking the deposit slip", 1, "D", ""),
            ("The nineteen-page report", 1.5, "D", ""),
        ],
        rows=12,
        worth=420,
    )
    _handovers(
        book.create_sheet("Example handovers"),
        [
            (
                "Schedule questions",
                "Location lead",
                date(2026, 9, 14),
                "Both clinics covered, posted two weeks ahead",
                "Everything under one day’s change",
                "Fridays at noon",
                3,
                3.5,
            ),
            (
                "Front desk interviews",
                "Practice manager",
                date(2026, 10, 5),
                "Two finalists with finished scorecards",
                "Whom to invite, whom to refuse",
                "Before the offer",
                5,
                2,
            ),
        ],
        week="Example week",
    )
    book.save(to)


def support_role_scorecard(to: Path) -> None:
    book = _begin("Hiring scorecard")
    seat = book.create_sheet("Seat")
    _title(seat, "Hiring scorecard", "Decide what you must see before you meet anybody you might like.", [30, 12, 62])
    _label(seat, 4, "A year from now, because of this person …")
    seat.merge_cells("A5:C5")
    _fill_in(seat, "A5:C5")
    seat.row_dimensions[5].height = 44
    _head(seat, 7, ["Ability", "Weight", "How we see it"])
    suggestions = [
        ("Calms an upset person", "Role play: the crown came off, the wedding is Saturday."),
        ("Notices what is wrong", "A schedule with three mistakes in it, ten minutes."),
        ("Keeps a small promise", "Asked to send one thing by a stated hour."),
        ("Says “I don’t know” well", "A question about fees they cannot answer."),
        ("", ""),
        ("", ""),
    ]
    for row, (ability, how) in enumerate(suggestions, start=8):
        for column, words in ((1, ability), (3, how)):
            seat.cell(row, column, words or None)
        seat.row_dimensions[row].height = 26
    _fill_in(seat, "A8:C13")
    _label(seat, 14, "Weights add up to")
    seat["B14"] = '=IF(SUM(B8:B13)=0,"",SUM(B8:B13))'
    seat["C14"] = '=IF(SUM(B8:B13)=0,"Give out 20 points in all.",IF(SUM(B8:B13)=20,"Good.","Should be 20."))'
    _whole_numbers(seat, "B8:B13", 0, 20)
    for number in range(1, 5):
        _candidate(book.create_sheet(f"Candidate {number}"), number)
    together = book.create_sheet("Together")
    _title(together, "Together", "Open only when every interviewer has finished alone.", [34, 14, 18, 46])
    _head(together, 4, ["Candidate", "Out of 80", "Scores that differ", "What we decided, and why"])
    for number in range(1, 5):
        row, sheet = 4 + number, f"'Candidate {number}'"
        together.cell(row, 1, f'=IF({sheet}!B4="","Candidate {number}",{sheet}!B4)')
        together.cell(row, 2, f'=IF({sheet}!G15="","",{sheet}!G15)').number_format = "0.0"
        together.cell(row, 3, f'=COUNTIF({sheet}!F9:F14,"Talk")')
        together.row_dimensions[row].height = 40
    _rule(together, "A5:D8")
    _fill_in(together, "D5:D8")
    _label(
        together,
        10,
        "Where two of you differ by two points, you have seen different things. Find out what, before the average.",
    )
    book.save(to)


def monday_numbers(to: Path) -> None:
    book = _begin("Monday numbers")
    _quarter(book.create_sheet("This quarter"), [], date(2026, 10, 5))
    _quarter(
        book.create_sheet("Example"),
        [
            (
                "New patients seen within a week of calling, %",
                "Front desk lead",
                "at least",
                85,
                [88, 86, 81, 79, 87, 90, 88],
            ),
            ("Glasses remade", "Optical manager", "at most", 4, [3, 5, 2, 4, 3, 5, 6]),
            ("Days until we are paid", "Billing", "at most", 32, [36, 35, 34, 33, 31, 30, 30]),
            (
                "One-to-ones held, of those planned, %",
                "Practice manager",
                "at least",
                90,
                [100, 75, 100, 100, 88, 92, 100],
            ),
            ("Questions I answered that were not mine", "Owner", "at most", 8, [31, 24, 22, 15, 11, 9, 7]),
        ],
        date(2026, 10, 5),
    )
    book.save(to)


def seat_map(to: Path) -> None:
    book = _begin("Seat map")
    sheet = book.create_sheet("Seats")
    _title(
        sheet,
        "Seat map",
        "Seats before names. The last column notices what is easy to overlook.",
        [44, 28, 24, 14, 14, 34],
    )
    _head(
        sheet,
        4,
        [
            "The practice cannot live without …",
            "Seat that answers for it",
            "Name",
            "Leads people?",
            "Expert seat?",
            "Look here",
        ],
    )
    results = [
        "People find us, and are glad they called",
        "The work meets our standard",
        "The team is able and wants to stay",
        "We are paid for what we do",
        "The place works: rooms, tools, records",
        "There is a future, and someone thinks about it",
    ]
    last = 18
    for row in range(5, last + 1):
        sheet.cell(row, 1, results[row - 5] if row - 5 < len(results) else None)
        sheet.cell(
            row,
            6,
            f'=IF(A{row}="","",IF(B{row}="","No seat yet",IF(C{row}="","Empty seat",'
            f'IF(AND(D{row}="yes",E{row}="yes"),"Expert and manager at once",'
            f'IF(COUNTIF(C$5:C${last},C{row})>1,"Same name in "&COUNTIF(C$5:C${last},C{row})&" seats","")))))',
        )
        sheet.row_dimensions[row].height = 26
    _fill_in(sheet, f"A5:E{last}")
    _rule(sheet, f"F5:F{last}")
    _choices(sheet, f"D5:E{last}", ["yes", "no"])
    _label(sheet, last + 2, "One seat to settle this quarter, and the first role card to write:")
    sheet.merge_cells(f"A{last + 3}:F{last + 3}")
    _fill_in(sheet, f"A{last + 3}:F{last + 3}")
    sheet.row_dimensions[last + 3].height = 36
    book.save(to)


BOOKS = {
    "delegation-planner": delegation_planner,
    "support-role-scorecard": support_role_scorecard,
    "monday-numbers": monday_numbers,
    "seat-map": seat_map,
}


def _week(sheet: Worksheet, lines: Sequence[Row], *, rows: int, worth: float | None = None) -> None:
    _title(
        sheet,
        "Last week, as it was",
        "A only me · B only me until I have taught it · C somebody else’s already · D can stop",
        [46, 11, 11, 36],
    )
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "portrait", 1
    _head(sheet, 4, ["What I did", "Hours", "Letter", "Whose it could be"])
    last = 4 + rows
    for row, line in enumerate(lines, start=5):
        for column, value in enumerate(line, start=1):
            sheet.cell(row, column, value or None)
    for row in range(5, last + 1):
        sheet.row_dimensions[row].height = 19
    _fill_in(sheet, f"A5:D{last}")
    _choices(sheet, f"C5:C{last}", ["A", "B", "C", "D"])
    row = last + 2
    for words, formula in (
        ("Hours in all", f"SUM(B5:B{last})"),
        ("Only mine (A)", f'SUMIF(C5:C{last},"A",B5:B{last})'),
        ("Mine until taught (B)", f'SUMIF(C5:C{last},"B",B5:B{last})'),
        ("Somebody else’s (C)", f'SUMIF(C5:C{last},"C",B5:B{last})'),
        ("Can stop (D)", f'SUMIF(C5:C{last},"D",B5:B{last})'),
    ):
        _label(sheet, row, words)
        sheet.cell(row, 2, f'=IF(SUM(B$5:B${last})=0,"",{formula})').number_format = "0.0"
        sheet.cell(row, 2).alignment = Alignment(horizontal="center")
        row += 1
    _label(sheet, row, "An hour of my own work brings in")
    sheet.cell(row, 2, worth)
    _fill_in(sheet, f"B{row}:B{row}")
    _label(sheet, row + 1, "B + C + D over 46 weeks, at that rate")
    sheet.cell(row + 1, 2, f'=IF(OR(B{row}="",SUM(B$5:B${last})=0),"",SUM(B{row - 3}:B{row - 1})*46*B{row})')
    for money in (row, row + 1):
        sheet.cell(money, 2).number_format = "#,##0"
        sheet.cell(money, 2).alignment = Alignment(horizontal="center")
    for column in (1, 2):
        sheet.cell(row + 1, column).font = Font("Calibri", 11, bold=True, color=GREEN)


def _handovers(sheet: Worksheet, lines: Sequence[Row], *, week: str) -> None:
    widths = [28, 20, 13, 34, 30, 18, 11, 12, 14]
    _title(
        sheet, "Handovers", "Two from B, two from C. Fill in the whole line before you say a word to anyone.", widths
    )
    heads = ["What I hand over", "To whom", "From", "Done looks like", "They decide without me", "I look on"]
    _head(sheet, 4, [*heads, "Hours to teach", "Hours a week freed", "Pays back after, weeks"])
    for row in range(5, 13):
        if row - 5 < len(lines):
            for column, value in enumerate(lines[row - 5], start=1):
                sheet.cell(row, column, value)
        sheet.cell(row, 3).number_format = "d mmm yyyy"
        sheet.cell(row, 9, f'=IF(OR(G{row}="",H{row}="",H{row}=0),"",G{row}/H{row})').number_format = "0.0"
        sheet.row_dimensions[row].height = 34
    _fill_in(sheet, "A5:H12")
    _rule(sheet, "I5:I12")
    _label(sheet, 14, "Hours a week freed, in all")
    sheet["B14"] = '=IF(SUM(H5:H12)=0,"",SUM(H5:H12))'
    sheet["B14"].number_format = "0.0"
    _label(
        sheet,
        15,
        f"The hours come from the sheet “{week}”. When something comes back: “That’s with … now.” Every time.",
    )


def _candidate(sheet: Worksheet, number: int) -> None:
    _title(
        sheet,
        f"Candidate {number}",
        "Each interviewer scores alone: 1 not seen · 2 in part · 3 seen · 4 would like to learn it.",
        [32, 22, 13, 13, 13, 13, 13, 48],
    )
    _label(sheet, 4, "Candidate")
    _label(sheet, 5, "Seen by (1, 2, 3)")
    sheet.merge_cells("B5:E5")
    _fill_in(sheet, "B4:B4")
    _fill_in(sheet, "B5:E5")
    _head(
        sheet,
        8,
        [
            "Ability",
            "Weight",
            "Interviewer 1",
            "Interviewer 2",
            "Interviewer 3",
            "Differs?",
            "Points",
            "Evidence, in their words or acts",
        ],
    )
    for row in range(9, 15):
        source = row - 1
        sheet.cell(row, 1, f'=IF(Seat!A{source}="","",Seat!A{source})')
        sheet.cell(row, 2, f'=IF(Seat!B{source}="","",Seat!B{source})')
        sheet.cell(row, 6, f'=IF(COUNT(C{row}:E{row})<2,"",IF(MAX(C{row}:E{row})-MIN(C{row}:E{row})>=2,"Talk",""))')
        sheet.cell(
            row, 7, f'=IF(OR(COUNT(C{row}:E{row})=0,Seat!B{source}=""),"",Seat!B{source}*AVERAGE(C{row}:E{row}))'
        ).number_format = "0.0"
        sheet.row_dimensions[row].height = 40
    _rule(sheet, "A9:H14")
    _fill_in(sheet, "C9:E14")
    _fill_in(sheet, "H9:H14")
    _whole_numbers(sheet, "C9:E14", 1, 4)
    _label(sheet, 15, "Points, out of 80")
    sheet["G15"] = '=IF(COUNT(G9:G14)=0,"",SUM(G9:G14))'
    sheet["G15"].number_format = "0.0"
    sheet["G15"].font = Font("Calibri", 12, bold=True, color=GREEN)


def _quarter(sheet: Worksheet, lines: Sequence[tuple[str, str, str, float, Sequence[float]]], first: date) -> None:
    _title(
        sheet,
        "Monday numbers",
        "Five figures, one name each. Two Mondays off in a row are a topic; one is a week.",
        [44, 20, 11, 10, *[8.5] * 13, 16],
    )
    _label(sheet, 3, "First Monday")
    sheet["B3"] = first
    sheet["B3"].number_format = "d mmm yyyy"
    _fill_in(sheet, "B3:B3")
    _head(sheet, 5, ["Number, and how it is counted", "One name", "We want", "Mark", *[""] * 13, "This week"])
    for week in range(13):
        cell = sheet.cell(5, 5 + week, f"=$B$3+{7 * week}")
        cell.number_format = "d mmm"
    for row in range(6, 11):
        if row - 6 < len(lines):
            what, who, way, mark, figures = lines[row - 6]
            for column, value in enumerate([what, who, way, mark, *figures], start=1):
                sheet.cell(row, column, value)
        sheet.cell(row, 18, _two_in_a_row(row))
        sheet.row_dimensions[row].height = 34
        off = FormulaRule(
            formula=[f"AND(ISNUMBER(E{row}),ISNUMBER($D{row}),{_is_off(f'E{row}', row)})"],
            fill=ALARM,
            font=Font(bold=True, underline="single"),
        )
        sheet.conditional_formatting.add(f"E{row}:Q{row}", off)
    _fill_in(sheet, "A6:Q10")
    _rule(sheet, "R6:R10")
    _choices(sheet, "C6:C10", ["at least", "at most"])
    _label(
        sheet, 12, "A figure that is off is bold and underlined. Leave a Monday empty if nobody counted; do not guess."
    )


def _two_in_a_row(row: int) -> str:
    """Whether the last Monday that was counted and the one before it are both off."""
    weeks = f"E{row}:Q{row}"
    place = f'SUMPRODUCT(MAX(({weeks}<>"")*COLUMN({weeks})))-COLUMN(E{row})+1'  # survives Mondays nobody counted
    last = f"INDEX({weeks},{place})"
    before = f"INDEX({weeks},MAX({place}-1,1))"
    both = f"AND(ISNUMBER({before}),{_is_off(last, row)},{_is_off(before, row)})"
    return f'=IF(OR(COUNT({weeks})<2,$D{row}=""),"",IF({both},"Talk about it","Fine"))'


def _is_off(figure: str, row: int) -> str:
    return f'IF($C{row}="at most",{figure}>$D{row},{figure}<$D{row})'


def _begin(title: str) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title, book.properties.creator = f"{title} · Practice Freedom", "Practice Freedom"
    book.properties.created = book.properties.modified = datetime(2026, 9, 1)
    return book


def _title(sheet: Worksheet, title: str, deck: str, widths: Sequence[float]) -> None:
    """The sheet's head, its columns, and how it prints: landscape, one page wide."""
    sheet.sheet_view.showGridLines = False
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet["A1"], sheet["A2"] = title, deck
    sheet["A1"].font, sheet["A2"].font = Font("Georgia", 20, color=INK), Font("Georgia", 11, italic=True, color=QUIET)
    sheet.row_dimensions[1].height, sheet.row_dimensions[2].height = 32, 22
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_options.horizontalCentered = False
    sheet.page_margins.left = sheet.page_margins.right = 0.6
    sheet.oddFooter.left.text, sheet.oddFooter.left.size = f"Practice Freedom · {title} · First edition, 2026", 8
    sheet.oddFooter.right.text, sheet.oddFooter.right.size = "&P of &N", 8


def _head(sheet: Worksheet, row: int, words: Sequence[str]) -> None:
    for column, word in enumerate(words, start=1):
        cell = sheet.cell(row, column, word or None)
        cell.font, cell.border = Font("Calibri", 10, bold=True, color=GREEN), UNDER_HEAD
        cell.alignment = _set_in(sheet, get_column_letter(cell.column), "bottom")
    sheet.row_dimensions[row].height = 30
    sheet.freeze_panes = sheet.cell(row + 1, 2 if len(words) > 8 else 1)
    sheet.print_title_rows = f"{row}:{row}"


def _label(sheet: Worksheet, row: int, words: str) -> None:
    sheet.cell(row, 1, words).font = Font("Calibri", 10, color=QUIET)


def _fill_in(sheet: Worksheet, area: str) -> None:
    for cells in sheet[area]:
        for cell in cells:
            cell.fill = TINT
    _rule(sheet, area)


def _rule(sheet: Worksheet, area: str) -> None:
    for cells in sheet[area]:
        for cell in cells:
            cell.border, cell.font = UNDER_ROW, Font("Calibri", 11, color=INK)
            cell.alignment = _set_in(sheet, get_column_letter(cell.column), "center")


def _set_in(sheet: Worksheet, column: str, vertical: str) -> Alignment:
    """Narrow columns hold figures and letters and are centred; wide ones hold words."""
    narrow = sheet.column_dimensions[column].width <= 14
    return Alignment(horizontal="center" if narrow else "left", vertical=vertical, wrap_text=True)


def _choices(sheet: Worksheet, area: str, choices: Sequence[str]) -> None:
    rule = DataValidation(type="list", formula1='"' + ",".join(choices) + '"', allow_blank=True, showErrorMessage=True)
    rule.error = "Please choose one of: " + ", ".join(choices) + "."
    sheet.add_data_validation(rule)
    rule.add(area)


def _whole_numbers(sheet: Worksheet, area: str, low: int, high: int) -> None:
    rule = DataValidation(
        type="whole", operator="between", formula1=str(low), formula2=str(high), allow_blank=True, showErrorMessage=True
    )
    rule.error = f"A whole number from {low} to {high}, please."
    sheet.add_data_validation(rule)
    rule.add(area)
