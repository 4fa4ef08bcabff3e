"""Before words go out: what in them may tell who a patient, a client or somebody on the staff is.

A look at the text alone, here and by rules that can be read below; nothing is sent anywhere. It errs on the quiet side
for what practice leaders write about every day (drugs, places, books, software, people who speak in public), because
whoever is warned for nothing stops reading. Every pattern is bounded, so a hostile text costs what a kind one does.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portal.core.clock import now
from portal.core.errors import Refusal

_CALLED_SO = {
    "name": ("name", "names"),
    "birth": ("date of birth", "dates of birth"),
    "record": ("record number", "record numbers"),
    "phone": ("telephone number", "telephone numbers"),
    "mail": ("mail address", "mail addresses"),
}
MOST = 10  # shown at once; whoever mended these is told of the next


class Kind(StrEnum):
    NAME = "name"
    BIRTH = "birth"
    RECORD = "record"
    PHONE = "phone"
    MAIL = "mail"


WHY = {
    Kind.NAME: "looks like the name of somebody you treat, advise or employ. The seat they hold says as much.",
    Kind.BIRTH: "looks like a date of birth. “In her sixties” says enough.",
    Kind.RECORD: "looks like a number from a record. Nobody here can use it, and somebody could be found by it.",
    Kind.PHONE: "looks like a telephone number.",
    Kind.MAIL: "looks like somebody’s mail address.",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the text that may tell who somebody is."""

    start: int
    words: str
    kind: Kind

    @property
    def why(self) -> str:
        """To its author, before posting."""
        return WHY[self.kind]

    @property
    def called(self) -> str:
        """To whoever decides about it later."""
        return _CALLED_SO[self.kind][0]


class Recognisable(Refusal):
    """What is about to be posted may tell who somebody is, and its author has not yet said that it is meant."""

    message = "Somebody may be recognised by this. Look at it once more; you can also post it as it is."
    status = 422

    def __init__(self, marks: Sequence[Mark], seen: str) -> None:
        self.marks, self.seen = marks, seen
        super().__init__()


def check(*texts: str, seen: str | None) -> dict[str, Any] | None:
    """`seen` is the sum that was handed out with the warning: of these very words, so that others are looked at anew.

    Returns how many marks of each kind their author means to post anyway, without the words. Raises Recognisable.
    """
    text = "\n\n".join(texts)
    marks = look(text)
    mark = hashlib.sha256(text.encode()).hexdigest()[:32]
    if marks and seen != mark:
        raise Recognisable(marks[:MOST], mark)
    return dict(Counter(mark.kind.value for mark in marks)) or None


def in_words(counts: Mapping[str, int] | None) -> str:
    """ "2 names and 1 telephone number"; empty for none."""
    said = (
        [
            f"{counts[kind]} {name if counts[kind] == 1 else many}"
            for kind, (name, many) in _CALLED_SO.items()
            if kind in counts
        ]
        if counts
        else []
    )
    return " and ".join(filter(None, [", ".join(said[:-1]), *said[-1:]]))


def look(text: str) -> list[Mark]:
    """All marks, in the order of the text, none inside another."""
    found: list[Mark] = []
    for mark in sorted(_all(text), key=lambda mark: (mark.start, -len(mark.words))):
        if not found or mark.start >= found[-1].start + len(found[-1].words):
            found.append(mark)
    return found


_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = (
    r"(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}-\d{2}-\d{2}|"
    rf"{_DAY} (?:of )?{_MONTH},? \d{{4}}|{_MONTH} {_DAY},? \d{{4}})"
)
_BIRTH = r"(?:DOB|D\.O\.B\.|born(?: on)?|birth ?date|date of birth|birthday)"
_BORN = re.compile(rf"\b{_BIRTH}\b[ :,is]{{0,6}}({_DATE})", re.I)
_LONG_AGO = re.compile(rf"(?<![\d./-]){_DATE}(?![\d/-]|\.\d)")
_YEAR = re.compile(r"(?:19|20)\d\d")
_RECORD = re.compile(
    r"\b(?:MRN|medical record|chart|record|patient|case|claim|file|policy|account|NHS|member|insurance)"
    r"(?: (?:ID|no\.?|number|num\.?|nr\.?))?[ :#.]{1,3}(?:is )?(?=[A-Z0-9-]{0,8}\d)([A-Z]{0,4}-?\d[\dA-Z-]{3,18})\b",
    re.I,
)
_SOCIAL = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_HEALTH = re.compile(r"\bNHS\b[^\d\n]{0,16}(\d{3}[ -]?\d{3}[ -]?\d{4})(?!\d)")
_PHONE = re.compile(
    r"(?<![\w.,$€£/-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\) ?|\d{2,4}[ .-])\d{3,4}[ .-]?\d{2,4}(?:[ .-]\d{2,4})?"
    r"(?![\w/]|[.,-]\d)"
)
_CALLED = re.compile(r"\b(?:call|phone|cell|mobile|tel|text|reach)\b[^\d\n]{0,20}(\d{3}[ .-]\d{4})(?!\d)", re.I)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")

_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ÿ"
_CAP = rf"[{_UPPER}](?:['’][{_UPPER}])?[{_LOWER}'’]{{1,24}}(?:[A-Z][a-z]{{1,20}})?(?:-[{_UPPER}][{_LOWER}]{{1,24}})?"
_FULL = rf"{_CAP}(?: [A-Z]\.)?(?: {_CAP})?"
_TITLED = re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Mx)\.? ({_FULL})")
_SEATS = (
    r"(?:patients?|clients?|employees?|assistants?|hygienists?|nurses?|receptionists?|associates?|managers?|paralegals?|"
    r"technicians?|techs?|bookkeepers?|coordinators?|secretary|intern|trainee|apprentice|groomer|biller)"
)
_WHOSE = (
    r"(?:(?i:my|our|the|a|her|his|their|new|old|senior|lead|office|front|desk|dental|practice|surgical|legal) ){1,3}"
)
_SEATED = re.compile(
    rf"\b{_WHOSE}{_SEATS}(?:,? (?:named|called|is called))?,? (?:Dr\.? )?({_FULL})(?! (?:of|for|Act|Bill|Inc|LLC))"
)
_RANKS = "nurse|hygienist|receptionist|paralegal|technician|bookkeeper|secretary"
_PEER = r"(?i:my|our) (?:\w{1,12} ){0,2}(?:partner|associate|colleague|surgeon|dentist)s?"
_STAFF_DOCTOR = re.compile(rf"\b{_PEER},? Dr\.? ({_FULL})")
_DOCTOR_OF_STAFF = re.compile(rf"\bDr\.? ({_FULL}), {_PEER}\b")
_HEADED = re.compile(rf"\b(?i:patient|client|employee)(?: name)?: ({_CAP} (?:[A-Z]\. )?{_CAP})")
_GIVEN = (
    "Aaron|Adam|Ahmed|Alan|Alex|Alice|Alison|Amanda|Amy|Ana|Andrea|Andrew|Angela|Anita|Ann|Anna|Anne|Anthony|Ashley|Barbara|Ben|"
    "Beth|Bob|Brandon|Brenda|Brian|Carl|Carla|Carlos|Carol|Caroline|Catherine|Cathy|Charles|Cheryl|Chris|Christina|Cindy|"
    "Claire|Craig|Cynthia|Dan|Daniel|Dave|David|Debbie|Deborah|Denise|Diana|Diane|Donna|Doris|Doug|Ed|Elaine|Elena|"
    "Elizabeth|Ellen|Emily|Emma|Eric|Erica|Erin|Eva|Fatima|Fiona|Gary|George|Gina|Greg|Hannah|Heather|Helen|Henry|Ines|Irene|"
    "Isabel|Jack|Jake|James|Jane|Janet|Jason|Jeff|Jennifer|Jenny|Jessica|Jill|Jim|Joan|Joanna|Joe|John|Jose|Joseph|Josh|Joyce|"
    "Juan|Judy|Julia|Julie|Karen|Kate|Katie|Keith|Kelly|Ken|Kevin|Kim|Kyle|Larry|Laura|Lauren|Lena|Leo|Linda|Lisa|Liz|Lori|"
    "Louise|Lucy|Luis|Luke|Margaret|Maria|Marie|Marta|Martha|Martin|Mary|Matt|Matthew|Megan|Melissa|Michael|Michelle|Miguel|"
    "Mike|Mohammed|Monica|Nancy|Natalie|Nick|Nicole|Nina|Olivia|Omar|Pamela|Patricia|Patrick|Paul|Paula|Pedro|Peter|Phil|"
    "Priya|Rachel|Ralph|Raj|Rebecca|Richard|Rick|Rita|Robert|Roger|Ron|Ruth|Ryan|Sally|Sam|Samantha|Sandra|Sara|Sarah|Scott|"
    "Sean|Sharon|Sheila|Simon|Sofia|Sophie|Stacy|Stephanie|Steve|Steven|Stuart|Sue|Susan|Tamara|Tanya|Teresa|Tim|Tina|Todd|"
    "Tom|Tony|Tracy|Valerie|Vanessa|Victor|Victoria|Walter|Wendy|William|Yolanda|Yusuf|Zoe"
)  # fmt: skip
_NAMED = rf"(?:{_GIVEN})(?:-(?:{_GIVEN}))?(?: [A-Z]\.)?(?: {_CAP})?"
_RANKED = re.compile(rf"\b(?i:{_RANKS}) ({_CAP}(?: [A-Z]\.)? {_CAP}|{_NAMED})\b")
_DONE = r"(?:fired|hired|demoted|suspended|treated|diagnosed|dismissed|let go of|firing|hiring|treating|operated on)"
_DONE_TO = re.compile(rf"\b{_DONE} ({_NAMED})\b")
_LET_GO = re.compile(rf"\blet ({_NAMED}) go\b")
_DESK = r"(?:from|in|at) (?:the |our )?(?:billing|front desk|reception|accounting|back office)"
_DOES = re.compile(
    rf"\b({_NAMED}),? (?:has |have |had |is |was |just |who )?(?:quit|resigned|left us|called in sick|diagnosed|"
    r"complained|pregnant|fired|let go|been drinking|on leave|came in with|in for (?:a|an|her|his)|on medication|"
    rf"{_DESK})\b"
)
_NO_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
        I The We If After Before When While And But So Or As At In On For To It He She They You My Our Your This That
        These Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July
        August September October November December Slack Zoom Teams Dentrix Epic Excel Outlook Google Word QuickBooks
        Clio Trello Asana Notion English Spanish French German Christmas Easter Thanksgiving Medicare Medicaid HIPAA
        First Last New Yes No Not What Who How Why Where Which Both Each All Some Any Coffee Clean
        """,
    )
)
# What is called after a seat, and not whoever holds it: "our assistant Manager Academy", "the nurse Residency Program".
_NO_PERSONS = frozenset(
    re.findall(
        r"\w+",
        """
        Academy Accreditation Agreement Appreciation Assessment Assistant Association Award Benefit Board Bonus
        Boot Bootcamp Call Camp Card Care Career Center Centre Certificate Certification Chair Challenge
        Checklist Clinic Club Coach Coaching College Compact Compensation Conference Contract Coordinator
        Council Course Coverage Curriculum Department Description Desk Development Director Education Educator
        Engagement Evaluation Examination Exchange Executive Experience Fellowship Flow Forum Foundation
        Guidebook Guideline Handbook Hiring Hospital Huddle Incentive Initiative Institute Internship Interview
        Job Leader Leadership Level License Licensure Line Management Manager Manual Meeting Model Navigator
        Network Office Officer Onboarding Operations Orientation Package Path Pay Pipeline Plan Playbook Podcast
        Policy Practice Practitioner Procedure Program Programme Project Protocol Question Recruitment Residency
        Retention Retreat Review Role Salary Schedule Scheduling School Score Scorecard Script Seat Seminar
        Series Service Shift Shortage Society Software Staffing State Station Structure Studies Study Summit
        Supervisor System Task Team Template Test Toolkit Track Training Turnover University Wage Webinar Week
        Workflow Workforce Workshop
        """,
    )
)
_REST_OF_NAME = re.compile(rf"(?: [{_UPPER}][\w'’-]{{1,24}}){{1,4}}")
_IS_GIVEN = re.compile(rf"(?:{_GIVEN})\b")


def _all(text: str) -> Iterator[Mark]:
    for pattern, kind in (
        (_MAIL, Kind.MAIL), (_BORN, Kind.BIRTH), (_HEALTH, Kind.RECORD), (_SOCIAL, Kind.RECORD), (_RECORD, Kind.RECORD),
        (_CALLED, Kind.PHONE),
    ):  # fmt: skip
        yield from (_mark(found, kind) for found in pattern.finditer(text))
    yield from (_mark(found, Kind.BIRTH) for found in _LONG_AGO.finditer(text) if _is_long_ago(found[0]))
    yield from (_mark(found, Kind.PHONE) for found in _PHONE.finditer(text) if _has_enough_digits(found[0]))
    for pattern in (_TITLED, _SEATED, _RANKED, _STAFF_DOCTOR, _DOCTOR_OF_STAFF, _HEADED, _DONE_TO, _LET_GO, _DOES):
        for found in pattern.finditer(text):
            if found[1].split(" ", 1)[0].split("’")[0].split("'")[0] in _NO_NAMES:
                continue
            if pattern not in (_SEATED, _RANKED) or _is_of_a_person(found, text):
                yield _mark(found, Kind.NAME)


def _is_of_a_person(found: re.Match[str], text: str) -> bool:
    """And not of a program or a place, which may go on after it: "our nurse Maple Grove Academy"."""
    if _IS_GIVEN.match(found[1]):
        return True
    goes_on = _REST_OF_NAME.match(text, found.end())
    words = f"{found[1]}{goes_on[0] if goes_on else ''}".split()
    return not any({word, word.removesuffix("s")} & _NO_PERSONS for word in words)


def _mark(found: re.Match[str], kind: Kind) -> Mark:
    group = 1 if found.re.groups else 0
    return Mark(found.start(group), found[group].strip(), kind)


def _is_long_ago(date: str) -> bool:
    """Sixteen years and more: meetings and deadlines are nearer."""
    year = _YEAR.search(date)
    return year is not None and int(year[0]) <= now().year - 16


def _has_enough_digits(number: str) -> bool:
    return 9 <= sum(sign.isdigit() for sign in number) <= 14
