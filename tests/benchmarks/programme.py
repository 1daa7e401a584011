"""Which contests there are: the sets of objects, and who copies each of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from tests.benchmarks import places
from tests.benchmarks.bars import LINK_BYTES_PER_S
from tests.benchmarks.contests import Contest, Contestant, Ours
from tests.benchmarks.link import limited
from tests.benchmarks.peers import DEFAULTS, Rclone, S5cmd, Setting, in_flight, in_parts
from tests.benchmarks.places import Ends, Place
from tests.benchmarks.product import Product
from tests.benchmarks.profiles import Share, recorded
from tests.benchmarks.sets import GIB, KIB, MIB, ObjectSet

# The set in full, and the one that only shows whether the bench works.
SETS = {
    "small": (ObjectSet(20_000, 4 * KIB), ObjectSet(200, 4 * KIB)),
    "latency": (ObjectSet(8_000, 4 * KIB), ObjectSet(100, 4 * KIB)),
    "medium": (ObjectSet(4_000, 256 * KIB), ObjectSet(40, 256 * KIB)),
    "large": (ObjectSet(4, 512 * MIB), ObjectSet(2, 16 * MIB)),
    "parts": (ObjectSet(4, 512 * MIB, 8 * MIB), ObjectSet(2, 20 * MIB, 8 * MIB)),
    "link": (ObjectSet(4, 512 * MIB), ObjectSet(2, 16 * MIB)),
    "huge": (ObjectSet(1, 4 * GIB, 16 * MIB), ObjectSet(1, 64 * MIB, 16 * MIB)),
}
CONTESTS = tuple(SETS)

_MANY = (DEFAULTS, in_flight(16), in_flight(32), in_flight(64))
_FAR = (in_flight(64), in_flight(128), in_flight(256))
_LARGE = (DEFAULTS, in_parts("16Mi", 8), in_parts("64Mi", 4))
_SETTINGS = {"small": _MANY, "medium": _MANY, "large": _LARGE, "parts": _LARGE, "link": _LARGE[:2], "huge": ()}


class Programme:
    """The contests that can be held between these stores, with the peers that are there."""

    def __init__(
        self,
        product: Product,
        ends: Ends,
        peers: dict[str, str],
        stack: ExitStack,
        *,
        quick: bool,
        latency: float | None,
    ) -> None:
        self._product, self._ends, self._peers, self._stack = product, ends, peers, stack
        self._quick, self._latency = quick, latency
        self._made: dict[Place, str] = {}

    def contest(self, name: str) -> Contest | str:
        """Return a contest, or the sentence that says why it cannot be held."""
        objects = SETS[name][self._quick]
        if name == "latency":
            return self._with_latency(objects)
        if name == "link":
            return self._over_link(objects)
        ours = self._connections(self._ends)
        contestants: list[Contestant] = [Ours(self._product, ours, turns=1 if name == "huge" else None)]
        if name in ("small", "large"):
            contestants.append(Ours(self._product, ours, policy="strict"))
            contestants += self._s5cmds()
        contestants += self._rclones(self._ends, self._few(_SETTINGS[name]))
        return Contest(name, objects, self._ends, contestants)

    def profiled(self, contest: Contest, py_spy: str, into: dict[str, list[Share]]) -> Contest:
        """Return the same contest with one more turn of ours, in which py-spy looks at the workers."""

        def once_more(source: str, dest: str) -> None:
            shares = into.setdefault(contest.name, [])
            with contest.conditions(), recorded(py_spy, self._product.workers, shares):
                contest.contestants[0].turn(source, dest)

        return replace(contest, afterwards=once_more)

    def _with_latency(self, objects: ObjectSet) -> Contest | str:
        if self._latency is None:
            return "latency: it was not asked for (--latency 20, with servers that have fasts3's switch)"
        if not places.has_latency_switch(self._ends):
            return "latency: these servers have no switch for it; of the servers that we know only fasts3 has"
        contestants = [
            Ours(self._product, self._connections(self._ends)),
            # A quarter of an hour for what needs no spread to be seen.
            *self._rclones(self._ends, (DEFAULTS,), turns=1),
            *self._rclones(self._ends, self._few(_FAR)),
        ]
        conditions = partial(places.late_answers, self._ends, self._latency)
        return Contest("latency", objects, self._ends, contestants, conditions)

    def _over_link(self, objects: ObjectSet) -> Contest | str:
        try:
            ends = self._stack.enter_context(limited(self._ends, LINK_BYTES_PER_S))
        except ValueError as why:
            return f"link: {why}"
        contestants = [Ours(self._product, self._connections(ends)), *self._rclones(ends, self._few(_SETTINGS["link"]))]
        return Contest("link", objects, self._ends, contestants)

    def _connections(self, ends: Ends) -> tuple[str, str]:
        """Return our connections to both ends; there is one for each place, whoever uses it."""
        for number, place in enumerate((ends.source, ends.dest)):
            if place not in self._made:
                self._made[place] = self._product.connect(f"{('source', 'dest')[number]} {place.url}", place)
        return self._made[ends.source], self._made[ends.dest]

    def _s5cmds(self) -> list[Contestant]:
        program = self._peers.get("s5cmd")
        return [] if program is None else [S5cmd(program, self._ends)]

    def _rclones(self, ends: Ends, settings: Sequence[Setting], *, turns: int | None = None) -> list[Contestant]:
        program = self._peers.get("rclone")
        return [] if program is None else [Rclone(program, ends, setting, turns=turns) for setting in settings]

    def _few(self, settings: Sequence[Setting]) -> Sequence[Setting]:
        return settings[:2] if self._quick else settings
