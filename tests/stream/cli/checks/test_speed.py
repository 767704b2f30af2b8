"""What times of frames and of an update mean for a live source."""

from stream.branches import modes
from stream.bundle.load import Bundle, demo_bundle
from stream.cli.checks import speed


def test_a_fast_machine_keeps_the_bundle_s_hop() -> None:
    bundle = Bundle.load(demo_bundle())
    found = speed.advice(bundle, [10.0, 12.0, 30.0], 0.05)
    mode = modes.choose(bundle)
    assert (found.mode, found.hop, found.keeps_up) == (mode, bundle.manifest.modes[mode].hop, True)
    assert found.front_end_ms["p50"] == 12.0
    assert "every frame is used" in found.why
    assert "own hop holds" in found.why


def test_a_slow_machine_gets_a_longer_one_and_the_reason() -> None:
    found = speed.advice(Bundle.load(demo_bundle()), [90.0], 1.8)
    assert (found.hop, found.keeps_up) == (75, False)
    assert "dropped and counted" in found.why
    assert "an update takes 1800 ms" in found.why
    assert "every 75 ticks" in found.why


def test_no_frame_at_all_does_not_keep_up() -> None:
    assert not speed.advice(Bundle.load(demo_bundle()), [], 0.1).keeps_up
