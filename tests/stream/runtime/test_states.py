"""The table of states."""

from dataclasses import replace

import pytest

from stream.runtime.states import Ages, Facts, Verdict, at_publication, of_window

FINE = Facts(visible=True, valid_s=60.0, needed_s=15.0, coverage=1.0)


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({}, "ok", None),
        ({"visible": False}, "absent", None),
        ({"valid_s": 14.9}, "warming", None),
        ({"valid_s": 15.0}, "ok", None),
        ({"coverage": 0.49}, "degraded", "a person in only 49% of the window"),
        ({"coverage": 0.5}, "ok", None),
        ({"finite": False}, "degraded", "a network gave no number"),
        ({"complete": False}, "degraded", "part of the window was never read"),
        ({"intact": False}, "degraded", "does not keep up with this bundle"),
        ({"shed": 3}, "degraded", "3 portraits dropped"),
        # Which comes first where several hold.
        ({"visible": False, "valid_s": 0.0, "coverage": 0.1}, "absent", None),
        ({"valid_s": 0.0, "coverage": 0.1, "shed": 9}, "warming", None),
        ({"finite": False, "valid_s": 0.0}, "degraded", "no number"),
    ],
)
def test_when_an_estimate_is_made(changes: dict[str, object], state: str, reason: str | None) -> None:
    found = of_window(replace(FINE, **changes))  # type: ignore[arg-type]
    assert found[0] == state
    assert (found[1] is None) if reason is None else (reason in (found[1] or ""))


@pytest.mark.parametrize(
    ("made", "ages", "state", "reason"),
    [
        (None, None, "warming", None),
        (None, Ages(9.0, 9.0), "warming", None),
        (("ok", None), None, "ok", None),  # fast pace has no ages
        (("ok", None), Ages(0.1, 0.2), "ok", None),
        (("ok", None), Ages(2.1, 2.1), "stale", "no fresh frame for 2 s"),
        (("absent", None), Ages(7.0, 7.0), "stale", "no fresh frame for 7 s"),
        (("ok", None), Ages(0.1, 2.6), "degraded", "the newest estimate is 3 s old"),
        (("warming", None), Ages(0.1, 2.6), "warming", None),
        (("degraded", "because"), Ages(0.1, 0.2), "degraded", "because"),
    ],
)
def test_when_it_is_published(
    made: Verdict | None, ages: Ages | None, state: str, reason: str | None
) -> None:
    assert at_publication(made, ages) == (state, reason)


@pytest.mark.parametrize(
    ("made", "age_s", "found"),
    [
        (("ok", None), 0.1, ("degraded", "without the hands")),
        (("warming", None), 0.1, ("warming", None)),
        (("degraded", "because"), 0.1, ("degraded", "because")),
        (("absent", None), 0.1, ("absent", None)),
        (("ok", None), 9.0, ("stale", "no fresh frame for 9 s")),
    ],
)
def test_what_is_left_out_degrades_only_what_would_be_ok(made: Verdict, age_s: float, found: Verdict) -> None:
    assert at_publication(made, Ages(age_s, age_s), "without the hands") == found
