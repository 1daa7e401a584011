"""The forecast before a run: how many planned items can be proven as the task asks, why the rest cannot, what helps.

Pure. Counts come from the listings, what the items are like from a HEAD of a few of each class, and what will be
judged from `imagined`. Where these cannot tell, a count is a range; nothing is rounded and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from integrity.evidence import ErrorCode, Profile, Reason
from integrity.imagined import IMAGINABLE, Imagined, ItemClass, Seen, Wish


@dataclass(frozen=True, slots=True)
class Amount:
    """So many items, and their bytes."""

    items: int = 0
    size: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.items + other.items, self.size + other.size)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.items - other.items, self.size - other.size)


@dataclass(frozen=True, slots=True)
class Span:
    """At least so much and at most so much; the two are equal where it is known."""

    lower: Amount = field(default_factory=Amount)
    upper: Amount = field(default_factory=Amount)

    def __add__(self, other: Span) -> Span:
        return Span(self.lower + other.lower, self.upper + other.upper)

    @property
    def is_exact(self) -> bool:
        """Whether it is one number."""
        return self.lower == self.upper


class Help(StrEnum):
    """What a person can choose so that more items can be proven."""

    DOUBLE_READ = "double_read"
    READ_BACK = "read_back"


@dataclass(frozen=True, slots=True)
class Look:
    """One item that was asked about at the source: its bytes, and what a HEAD showed; None without an answer."""

    size: int
    seen: Seen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Items that cannot be proven, for one reason. `helps`: all of these together would be enough; empty: nothing is.

    `why` is the reason of an unverified record, or the code of one that will fail. `extra` is how many bytes more
    would be read, at least and at most; a read-back is of every copy of the run.
    """

    why: Reason | ErrorCode
    amount: Span
    helps: tuple[Help, ...] = ()
    extra: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run can prove. `looked_at` items were asked about, `assumed` ones are taken to be like these."""

    policy: str
    total: Amount
    provable: Span
    shortfalls: tuple[Shortfall, ...] = ()
    looked_at: int = 0
    assumed: int = 0

    @property
    def out_of_reach(self) -> bool:
        """Whether not one item can be proven as the task asks."""
        return self.total.items > 0 and self.provable.upper.items == 0


def forecast(
    planned: Mapping[ItemClass, Amount],
    looks: Mapping[ItemClass, Sequence[Look]],
    source: Profile,
    destination: Profile,
    wish: Wish,
) -> Forecast:
    """Say what a plan of these classes can prove.

    `looks` are some of the items of a class, or all: those of a class in which all look the same stand for the
    others, those of a class in which they do not leave a range. Never raises.
    """
    foretold = _Foretold(source, destination, wish)
    classes = [_ClassForecast(item, amount, looks.get(item, ()), foretold) for item, amount in planned.items()]
    total = _sum(amount for amount in planned.values())
    found: dict[_Outcome, Span] = {}
    for each in classes:
        for outcome in each.outcomes:
            found[outcome] = found.get(outcome, Span()) + each.amount_of(outcome)
    read_back = sum(each.amount.size for each in classes if not each.item.hindrance and not each.item.read_back)
    return Forecast(
        policy=wish.policy.name.value,
        total=total,
        provable=found.get(_PROVEN, Span()),
        shortfalls=_shortfalls(found, read_back),
        looked_at=sum(each.looked_at for each in classes),
        assumed=sum(each.assumed for each in classes),
    )


def forecast_to_json(found: Forecast) -> dict[str, object]:
    """Return a forecast as plain values; a range is `at_least` and `at_most`."""
    return {
        "policy": found.policy,
        "objects": found.total.items,
        "bytes": found.total.size,
        "provable": _span_to_json(found.provable),
        "unprovable": [
            {
                "reason": each.why.value,
                **_span_to_json(each.amount),
                "helps": [help_.value for help_ in each.helps],
                "extra_bytes": _range_to_json(*each.extra),
            }
            for each in found.shortfalls
        ],
        "out_of_reach": found.out_of_reach,
        "looked_at": found.looked_at,
        "assumed": found.assumed,
    }


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What may become of an item: why it is not verified (None: it is), and what would help."""

    why: Reason | ErrorCode | None
    helps: tuple[Help, ...] = ()


_PROVEN = _Outcome(None)
_HELPS = ((Help.DOUBLE_READ,), (Help.READ_BACK,), (Help.DOUBLE_READ, Help.READ_BACK))


@dataclass(slots=True)
class _Foretold:
    """What may become of an item of a class, remembered: most items of a class are alike."""

    source: Profile
    destination: Profile
    wish: Wish
    _known: dict[tuple[ItemClass, Seen], frozenset[_Outcome]] = field(default_factory=dict)

    def of(self, item: ItemClass, seen: Seen | None) -> frozenset[_Outcome]:
        """Return every outcome that is possible; what was not seen may be anything."""
        if seen is None:
            return frozenset().union(*(self.of(item, each) for each in IMAGINABLE))
        if (item, seen) not in self._known:
            self._known[item, seen] = frozenset(self._judged(item, seen))
        return self._known[item, seen]

    def _judged(self, item: ItemClass, seen: Seen) -> Iterator[_Outcome]:
        """Yield the outcomes, each with what would change it."""
        asked = list(self._judgements(item, seen, ()))
        helped = {helps: list(self._judgements(item, seen, helps)) for helps in _HELPS}
        for place, why in enumerate(asked):
            enough = next((helps for helps in _HELPS if helped[helps][place] is None), ())
            yield _Outcome(why, enough if why is not None else ())

    def _judgements(self, item: ItemClass, seen: Seen, helps: Iterable[Help]) -> Iterator[Reason | ErrorCode | None]:
        wish = replace(self.wish, double_read=self.wish.double_read or Help.DOUBLE_READ in helps)
        asked = replace(item, read_back=item.read_back or Help.READ_BACK in helps)
        for judgement in Imagined(asked, seen, self.source, self.destination).judgements(wish):
            yield judgement.error_code or judgement.reason


class _ClassForecast:
    """What becomes of the items of one class."""

    def __init__(self, item: ItemClass, amount: Amount, looks: Sequence[Look], foretold: _Foretold) -> None:
        self.item = item
        self.amount = amount
        self.looked_at = len(looks)
        self._looks = [(Amount(1, look.size), foretold.of(item, look.seen)) for look in looks]
        self._rest = amount - _sum(each for each, _ in self._looks)
        found = [outcomes for _, outcomes in self._looks]
        anything = foretold.of(item, None)
        self._of_rest = frozenset().union(*found) if found else anything
        self.outcomes = self._of_rest
        self.assumed = self._rest.items if found and self._of_rest < anything else 0

    def amount_of(self, outcome: _Outcome) -> Span:
        """Return how many end so: at least those that can end in no other way, at most those that may."""
        each = [*self._looks, (self._rest, self._of_rest)]
        return Span(
            _sum(amount for amount, outcomes in each if outcomes == {outcome}),
            _sum(amount for amount, outcomes in each if outcome in outcomes),
        )


def _shortfalls(found: Mapping[_Outcome, Span], read_back: int) -> tuple[Shortfall, ...]:
    """Return what is not proven, the most items first."""
    short = [
        Shortfall(why=outcome.why, amount=span, helps=outcome.helps, extra=_extra(outcome.helps, span, read_back))
        for outcome, span in found.items()
        if outcome.why is not None and span.upper.items
    ]
    return tuple(sorted(short, key=lambda each: (-each.amount.upper.items, each.why.value, each.helps)))


def _extra(helps: Iterable[Help], span: Span, read_back: int) -> tuple[int, int]:
    chosen = set(helps)
    back = read_back if Help.READ_BACK in chosen else 0
    if Help.DOUBLE_READ not in chosen:
        return (back, back)
    return (span.lower.size + back, span.upper.size + back)


def _sum(amounts: Iterable[Amount]) -> Amount:
    return sum(amounts, Amount())


def _span_to_json(span: Span) -> dict[str, object]:
    return {
        "objects": _range_to_json(span.lower.items, span.upper.items),
        "bytes": _range_to_json(span.lower.size, span.upper.size),
    }


def _range_to_json(lower: int, upper: int) -> dict[str, int]:
    return {"at_least": lower, "at_most": upper}
