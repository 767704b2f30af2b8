"""The state of an estimate, decided here from plain facts; nothing else in the product decides it.

| state | when |
|---|---|
| absent | nobody was visible for `ABSENT_AFTER_S` |
| warming | too few valid seconds were seen |
| degraded | the answer is worth less than usual, with the reason |
| stale | live pace only: no fresh frame for `STALE_AFTER_S` |
| ok | none of these |
"""

from dataclasses import dataclass

from stream.records import State

ABSENT_AFTER_S = 2.0  # seconds without a person
COVERAGE_FLOOR = 0.5  # share of valid ticks below which an estimate is degraded
STALE_AFTER_S = 2.0  # seconds without a fresh frame, or with an estimate that old
SHED_SPAN_S = 30.0  # portraits dropped in so many seconds degrade an estimate; older ones do not

Verdict = tuple[State, str | None]  # the state and, where it is degraded or stale, why


@dataclass(frozen=True, slots=True)
class Facts:
    """What an estimate knows of itself."""

    visible: bool  # somebody within the last ABSENT_AFTER_S
    valid_s: float
    needed_s: float  # valid seconds that end the warm-up
    coverage: float  # valid share of what the window has filled
    finite: bool = True  # the networks gave numbers
    complete: bool = True  # no row of the window was overwritten before ring mode read it
    intact: bool = True  # no row was overwritten while the estimate read it
    shed: int = 0  # portraits dropped within SHED_SPAN_S because the image encoder did not keep up


@dataclass(frozen=True, slots=True)
class Ages:
    """What the clock says at the moment of publication, live pace only; seconds."""

    frame_s: float  # since the newest frame was captured
    estimate_s: float  # since the newest frame in the estimate was captured


def of_window(facts: Facts) -> Verdict:
    """The state of an estimate when it is made."""
    if not facts.visible:
        return "absent", None
    if not facts.finite:
        return "degraded", "a network gave no number"
    if facts.valid_s < facts.needed_s:
        return "warming", None
    if facts.coverage < COVERAGE_FLOOR:
        return "degraded", f"a person in only {facts.coverage:.0%} of the window"
    if not facts.complete:
        return "degraded", "part of the window was never read: the machine did not keep up"
    if not facts.intact:
        return "degraded", "the machine does not keep up with this bundle"
    if facts.shed:
        return "degraded", f"{facts.shed} portraits dropped: the image encoder does not keep up"
    return "ok", None


def at_publication(made: Verdict | None, ages: Ages | None, shed: str | None = None) -> Verdict:
    """The state that holds now: what was ok when it was made may be stale. None: nothing was made yet.

    ``shed``: what is left out because the machine does not keep up (see `stream.runtime.shedding`).
    """
    if made is None:
        return "warming", None
    if ages is None:
        return made
    if ages.frame_s > STALE_AFTER_S:
        return "stale", f"no fresh frame for {ages.frame_s:.0f} s"
    if ages.estimate_s > STALE_AFTER_S and made[0] == "ok":
        return "degraded", f"the newest estimate is {ages.estimate_s:.0f} s old"
    return ("degraded", shed) if shed and made[0] == "ok" else made
