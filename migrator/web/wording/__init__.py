"""The words and signs of the pages: states, outcomes, causes, grades and headlines.

What an error means is said by its class in `engine.errors`, what a check shows by `integrity`; here are the
short names that stand as titles, since a code never does.
"""

from migrator.web.wording.options import (
    NOT_CARRIED,
    OPTION_WORDS,
    VERIFY_DEPTHS,
    classes_in_order,
    not_carried_by,
    not_carried_words,
    option_lines,
)
from migrator.web.wording.profiles import (
    profile_words,
)
from migrator.web.wording.records import (
    CHECK_TITLES,
    CHECK_TITLES_SINCE,
    DEST_GRADES,
    NOTES,
    ORIGINS,
    READ,
    SOURCE_GRADES,
    SOURCE_GRADES_SINCE,
    repeat_words,
)
from migrator.web.wording.runs import (
    BookLine,
    books,
    headline,
    is_verify,
    objects,
    status_line,
    time_left,
)
from migrator.web.wording.titles import (
    CAUSE_TITLES,
    HAZARDS,
    Shown,
    cause_title,
    shown,
)

__all__ = [
    "CAUSE_TITLES",
    "CHECK_TITLES",
    "CHECK_TITLES_SINCE",
    "DEST_GRADES",
    "HAZARDS",
    "NOTES",
    "NOT_CARRIED",
    "OPTION_WORDS",
    "ORIGINS",
    "READ",
    "SOURCE_GRADES",
    "SOURCE_GRADES_SINCE",
    "VERIFY_DEPTHS",
    "BookLine",
    "Shown",
    "books",
    "cause_title",
    "classes_in_order",
    "headline",
    "is_verify",
    "not_carried_by",
    "not_carried_words",
    "objects",
    "option_lines",
    "profile_words",
    "repeat_words",
    "shown",
    "status_line",
    "time_left",
]
