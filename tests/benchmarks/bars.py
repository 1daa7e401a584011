"""The figures to reach, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.benchmarks.contests import Step

LINK_BYTES_PER_S = 100e6
OURS = "ours, standard"
STRICT = "ours, strict"


class Measure(StrEnum):
    """What a figure is. The first two are ratios, and a large one is good for the speed, a small one for the cost."""

    SPEED = "how many times as quick as the peer"
    CPU = "CPU, as a part of the peer's"
    LINK = "part of the link that is used"
    MEMORY = "MiB"
    SLOPE = "MiB for each unit of what grows"
    PASS = "speed, as a part of the bare loop's"


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure to reach: in which contest, by whom of ours, against whom and which of their steps."""

    contest: str
    figure: str
    measure: Measure
    least: float | None = None
    most: float | None = None
    aim: float | None = None
    peer: str = "rclone"
    step: Step = Step.PROVE
    ours: str = OURS
    # Against this one of the peer's settings only, else against the quickest.
    setting: str = ""

    def is_met(self, value: float) -> bool:
        """Whether a measured value reaches the bar."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


def _against_rclone(
    contest: str, figure: str, prove: float, copy: float, aims: tuple[float | None, float | None] = (None, None)
) -> tuple[Bar, Bar]:
    """Return the two bars that most sets have: rclone copies and checks, rclone only copies."""
    return (
        Bar(contest, f"{figure}, rclone copy + check", Measure.SPEED, least=prove, aim=aims[0]),
        Bar(contest, f"{figure}, rclone copy", Measure.SPEED, least=copy, aim=aims[1], step=Step.COPY),
    )


def _strict(contest: str, figure: str) -> Bar:
    return Bar(contest, f"{figure}, strict, rclone copy + check", Measure.SPEED, least=1.0, ours=STRICT)


def _s5cmd(contest: str, figure: str) -> Bar:
    return Bar(contest, f"{figure}, s5cmd down, up", Measure.SPEED, least=1.5, peer="s5cmd", step=Step.COPY)


FIGURES: tuple[Bar, ...] = (
    *_against_rclone("small", "4 KiB", 2.5, 1.5, (4, 2)),
    _s5cmd("small", "4 KiB"),
    _strict("small", "4 KiB"),
    Bar("small", "4 KiB, CPU, rclone copy + check", Measure.CPU, most=0.5),
    *_against_rclone("latency", "4 KiB, late answers", 2.0, 1.2),
    Bar(
        "latency",
        "4 KiB, late answers, rclone copy by default",
        Measure.SPEED,
        least=20,
        step=Step.COPY,
        setting="rclone, default settings",
    ),
    *_against_rclone("medium", "256 KiB", 1.3, 0.8, (2, 1)),
    *_against_rclone("large", "large", 1.15, 0.85),
    _s5cmd("large", "large"),
    _strict("large", "large"),
    Bar("large", "large, CPU, rclone copy + check", Measure.CPU, most=1.1),
    *_against_rclone("parts", "large, uploaded in parts", 0.85, 0.6, (1.2, 0.9)),
    Bar("link", "link of 100 MB/s, rclone copy + check", Measure.SPEED, least=1.9),
    Bar("link", "link of 100 MB/s, the link itself", Measure.LINK, least=0.97),
)
MEMORY = Bar("every", "peak of a worker, any set", Measure.MEMORY, most=160)


def memory_bars(of: str, unit: str) -> tuple[Bar, Bar]:
    """Return the bars of the largest worker while `of` grows, and of how much it grew over the last step."""
    # One measurement differs from the next by some 8 MiB. Anything kept for each object would be 30 MiB a million.
    most = {"size": 0.5, "count": 10.0}[of]
    return (
        Bar("memory", f"peak of a worker, any {of}", Measure.MEMORY, most=160),
        Bar("memory", f"slope of that, MiB a {unit}", Measure.SLOPE, most=most),
    )


def pass_bar(figure: str) -> Bar:
    """Return the bar of the pass over one kind of buffers."""
    return Bar("pass", figure, Measure.PASS, least=0.9)
