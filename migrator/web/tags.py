"""How things are written on the pages: icons, bytes, times, and keys from strangers.

A template library without a `load`: the settings make it built in.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from migrator.web import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrity.models import IntegrityRecord

register = template.Library()

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_LONGEST_KEY_SHOWN = 72
# What a reader could not see, or what would move the text around it.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Return an icon of `icons.html`; it is for the eye, so a word always stands beside it."""
    return format_html(
        '<svg class="icon {}" width="20" height="20" aria-hidden="true" focusable="false"><use href="#i-{}"/></svg>',
        extra,
        name,
    )


@register.simple_tag
def state_tag(kind: str, value: str) -> SafeString:
    """Return a state of `kind` (`run`, `verdict`, `outcome`, `step`, `review`) as icon, word and colour."""
    shown = wording.shown(kind, value)
    return format_html('<span class="tag {}">{}{}</span>', shown.tone, icon(shown.icon), shown.word)


@register.filter
def whole(number: float | str | None) -> str:
    """Return a whole number with commas; a template's missing value is an empty text."""
    return f"{int(number):,}" if isinstance(number, (int, float)) else "not available"


@register.filter
def size(number: int | str | None) -> SafeString | str:
    """Return bytes in binary units, with the exact number as title; a template's missing value is an empty text."""
    if not isinstance(number, int):
        return "not available"
    return format_html('<data value="{}" title="{} bytes">{}</data>', number, f"{number:,}", size_text(number))


def size_text(number: float) -> str:
    """Return bytes in binary units as plain text: `38 GiB`, `1.4 MiB`."""
    value = float(number)
    unit = 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    if unit == 0:
        return f"{int(value)} {'byte' if int(value) == 1 else 'bytes'}"
    return f"{value:.0f} {_UNITS[unit]}" if value >= 100 else f"{value:.1f} {_UNITS[unit]}"


@register.filter
def speed(bytes_per_s: float | None) -> str:
    """Return a speed in MiB/s."""
    if bytes_per_s is None:
        return "not available"
    value = bytes_per_s / 1024**2
    return f"{value:,.0f} MiB/s" if value >= 100 else f"{value:,.1f} MiB/s"


@register.filter
def rate(objects_per_s: float) -> str:
    """Return objects a second, with a decimal where it says something."""
    return f"{objects_per_s:,.0f}" if objects_per_s >= 10 or objects_per_s == 0 else f"{objects_per_s:.1f}"


@register.filter
def duration(seconds: float | None) -> str:
    """Return a span of time: `1 h 12 min`, `42 s`, `1.3 s`, `12 ms`."""
    if seconds is None:
        return "not available"
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@register.filter
def moment(at: datetime | str | None) -> SafeString | str:
    """Return a point in time with its zone."""
    when = _as_time(at)
    if when is None:
        return "not available"
    local = timezone.localtime(when)
    return format_html(
        '<time datetime="{}">{}</time>',
        when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        local.strftime("%-d %b %Y, %H:%M:%S %Z"),
    )


@register.filter
def clock(at: datetime) -> SafeString:
    """Return the time of the day, with the whole time as title."""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        local.strftime("%-d %b %Y, %H:%M:%S %Z"),
        local.strftime("%H:%M"),
    )


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Return how long ago something was, with the full time as title."""
    if at is None:
        return "never"
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        local.strftime("%-d %b %Y, %H:%M:%S %Z"),
        _ago_text((timezone.now() - at).total_seconds(), local),
    )


@register.filter
def key(text: str) -> SafeString:
    """Return an object's key, shortened in the middle, with everything that hides made visible."""
    if len(text) <= _LONGEST_KEY_SHOWN:
        return format_html('<bdi class="key">{}</bdi>', visible(text))
    half = _LONGEST_KEY_SHOWN // 2
    return format_html(
        '<bdi class="key" title="{}">{}<span class="cut">…</span>{}</bdi>',
        spelled(text),
        _marked(text, 0, half),
        _marked(text, len(text) - half, len(text)),
    )


@register.filter
def whole_key(text: str) -> SafeString:
    """Return an object's key in full, with everything that hides made visible."""
    return format_html('<bdi class="key whole">{}</bdi>', visible(text))


@register.filter
def visible(text: str) -> SafeString:
    """Return text from a stranger: escaped, with control and bidi signs and blanks at the ends made visible."""
    return _marked(text, 0, len(text))


@register.filter
def share(part: int, total: int) -> str:
    """Return a share in percent, rounded down: 99.99 % is not all."""
    if total == 0:
        return "0 %"
    tenths = part * 1000 // total
    if part and not tenths:
        return "under 0.1 %"
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10} %"


@register.filter
def count_word(number: int, words: str) -> str:
    """Return a number with the fitting one of two words: `3|count_word:"object,objects"`."""
    one, many = words.split(",")
    return f"{number:,} {one if number == 1 else many}"


@register.filter
def entry(mapping: dict[str, Any], name: str) -> Any:
    """Return one entry of a mapping, or an empty text."""
    return mapping.get(name, "")


def _ago_text(seconds: float, local: datetime) -> str:
    if seconds < 5:
        return "just now"
    if seconds < 60:
        return f"{int(seconds)} s ago"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 24 * 3600:
        return f"{int(seconds // 3600)} h ago"
    return local.strftime("%-d %b %Y")


def _as_time(at: datetime | str | None) -> datetime | None:
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return None
    if at is None:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _marked(text: str, start: int, end: int) -> SafeString:
    first, last = len(text) - len(text.lstrip()), len(text.rstrip()) - 1
    return format_html_join("", "{}", ((piece,) for piece in _pieces(text, start, end, first, last)))


def _pieces(text: str, start: int, end: int, first: int, last: int) -> Iterator[SafeString]:
    plain = start
    for place in range(start, end):
        sign = text[place]
        at_an_end = sign.isspace() and not first <= place <= last
        if not (at_an_end or _hides(sign)):
            continue
        yield escape(text[plain:place])
        yield format_html('<span class="sign" title="{}">U+{}</span>', _name(sign), f"{ord(sign):04X}")
        plain = place + 1
    yield escape(text[plain:end])


def _hides(sign: str) -> bool:
    if sign == " " or sign.isalnum():
        return False
    category = unicodedata.category(sign)
    return category in _UNSEEN or category == "Zs"


def _name(sign: str) -> str:
    return unicodedata.name(sign, "blank" if sign.isspace() else "control sign").capitalize()


@register.filter
def spelled(text: str) -> str:
    """Return text from a stranger for a title or a label: plain, with what hides spelled out."""
    return "".join(f"[U+{ord(sign):04X}]" if _hides(sign) else sign for sign in text)


@register.simple_tag
def books_bar(books: list[wording.BookLine]) -> SafeString:
    """Return the books as the rectangles of a bar of 1,000 units; a count that is not zero stays visible."""
    total = sum(line.count for line in books)
    place = 0
    rects: list[tuple[int, int, str]] = []
    for line in books:
        if not line.count or not total:
            continue
        width = max(4, line.count * 1000 // total)
        rects.append((place, width, line.name))
        place += width
    if not rects:
        return mark_safe("")
    scale = 1000 / place
    return format_html_join(
        "",
        '<rect x="{}" y="0" width="{}" height="24" class="book-{}"/>',
        ((round(x * scale, 1), round(width * scale, 1), name) for x, width, name in rects),
    )


@register.filter
def why(record: IntegrityRecord) -> str:
    """Return the title of why a record is not verified."""
    return wording.cause_title(record.error_code or record.reason)


@register.filter
def cause_title(cause: str) -> str:
    """Return the title of a cause or reason."""
    return wording.cause_title(cause)


@register.filter
def step_name(name: str) -> str:
    """Return the name of a step of a connection's test as the beginning of a line."""
    return name[:1].upper() + name[1:]


@register.filter
def note_words(note: str) -> str:
    """Return a note of a record in words."""
    return wording.NOTES.get(note, note.replace("_", " "))


@register.filter
def repeat_words(repeat: dict[str, Any]) -> str:
    """Return what was asked again in an attempt, in words."""
    return wording.repeat_words(repeat)


@register.filter
def origin_words(origin: str) -> str:
    """Return which request a statement was taken from, in words."""
    return wording.ORIGINS.get(origin, origin.replace("_", " "))


@register.filter
def visible_lines(text: str) -> SafeString:
    """Return text of several lines from a stranger; the line breaks are ours."""
    return format_html_join(mark_safe("<br>"), "{}", ((visible(line),) for line in text.split("\n")))


@register.simple_tag
def profile_sentences(facts: dict[str, Any]) -> list[str]:
    """Return what a profile says, in sentences."""
    words = wording.profile_words(facts)
    told = ("etag", "proof", "limits", "sizes", "shown", "tags")
    return [words[name] for name in told if words[name]]
