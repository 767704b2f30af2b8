"""The defaults that people rely on when they type a command without options."""

from dataclasses import FrozenInstanceError, fields

import pytest

from stream.cli.options import (
    InspectOptions,
    ListenOptions,
    ModelOptions,
    OutputOptions,
    PlaybackOptions,
    PublishOptions,
    WatchOptions,
)
from stream.publish.endpoint import DEFAULT_ENDPOINT


def test_nothing_is_published_beyond_this_machine_unless_asked() -> None:
    assert PublishOptions().publish == DEFAULT_ENDPOINT == "tcp://127.0.0.1:5556"
    assert not PublishOptions().insecure


def test_listen_hears_what_watch_publishes() -> None:
    assert ListenOptions().endpoint == PublishOptions().publish
    assert ListenOptions().topic == "confidence"
    assert (ListenOptions().count, ListenOptions().timeout_s) == (None, None), (
        "it listens until it is stopped"
    )


def test_the_demo_bundle_runs_on_the_cpu_with_its_own_mode_hop_and_prior() -> None:
    options = ModelOptions()
    assert (options.bundle, options.hop, options.prior) == (None, None, None)
    assert (options.provider, options.mode, options.on_cut) == ("cpu", "auto", "keep")
    assert not options.any_extractor
    assert not options.yes, "nothing is fetched without a question"


def test_a_source_is_never_given_up_and_its_address_never_shown() -> None:
    options = PlaybackOptions()
    assert (options.give_up_s, options.for_s, options.timeout_s) == (None, None, 10.0)
    assert not options.show_url
    assert InspectOptions("x").timeout_s == options.timeout_s


def test_nothing_is_written_unless_asked() -> None:
    assert OutputOptions() == OutputOptions(json=False, overlay=None, overlay_minutes=None)
    assert InspectOptions("x").out is None
    assert not WatchOptions().text.any, "nothing is sent to a labeller"


def test_the_groups_of_watch_share_no_option() -> None:
    groups = [each.default_factory() for each in fields(WatchOptions) if callable(each.default_factory)]
    names = [each.name for group in groups for each in fields(group)]
    assert len(names) == len(set(names))
    with pytest.raises(FrozenInstanceError):
        WatchOptions().sources = ["demo"]  # type: ignore[misc]
