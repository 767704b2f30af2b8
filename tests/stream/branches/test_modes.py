"""Which mode of a bundle runs, and what it does on a cut."""

from typing import Any

import pytest
from msgspec import structs

from stream.branches import modes
from stream.branches.full_mode import FullMode
from stream.branches.ring_mode import RingMode
from stream.bundle.load import Bundle
from stream.errors import UsageError


def test_the_demo_ships_both_modes_and_takes_the_ring(bundle: Bundle) -> None:
    assert set(bundle.manifest.modes) == {"full", "ring"}
    assert modes.choose(bundle) == "ring"
    assert sum(entry.size for entry in bundle.manifest.files.values()) <= 15e6
    steps = bundle.manifest.modes["ring"].steps
    assert {name: step.ring.reach for name, step in steps.items()} == {"keypoints": 4000, "image": 800}


def test_auto_is_the_ring_where_there_is_one(bundle: Bundle) -> None:
    manifest = bundle.manifest
    only = structs.replace(bundle, manifest=structs.replace(manifest, modes={"full": manifest.modes["full"]}))
    assert modes.choose(bundle) == "ring"
    assert modes.choose(bundle, "full") == "full"
    assert modes.choose(only) == "full"
    with pytest.raises(UsageError, match=r"--mode: expected one that .* has, found ring; choose full"):
        modes.choose(only, "ring")
    with pytest.raises(UsageError, match="--mode: expected auto, full or ring, found 'fast'"):
        modes.choose(bundle, "fast")


@pytest.mark.parametrize(
    ("name", "mode"),
    [("keep", "full"), ("keep", "ring"), ("reset", "full"), ("reset", "ring"), ("decay", "ring")],
)
def test_what_each_mode_can_do_on_a_cut(name: str, mode: Any) -> None:
    assert modes.cut_policy(name, mode) == name


@pytest.mark.parametrize(
    ("name", "mode", "sentence"),
    [
        (
            "decay",
            "full",
            "--on-cut: expected keep or reset with --mode full, found decay; "
            "choose one of these, or --mode ring.",
        ),
        ("drop", "ring", "--on-cut: expected keep, decay or reset, found 'drop'; choose one of these."),
        ("", "full", "--on-cut: expected keep, decay or reset, found ''; choose one of these."),
    ],
)
def test_a_policy_that_cannot_be(name: str, mode: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        modes.cut_policy(name, mode)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(("name", "kind"), [("full", FullMode), ("ring", RingMode)])
def test_every_name_loads_the_networks_of_its_mode(bundle: Bundle, name: Any, kind: type) -> None:
    found = modes.load(bundle, name, provider="cpu", threads=1)
    assert isinstance(found, kind)
    assert found.mode == bundle.manifest.modes[name]
