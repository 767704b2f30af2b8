"""Text while the stream runs: from a labeller that is sent the last minute, an operator who types, or both.

The stream waits for neither. The fast lane hands over references, the slow lane takes the latest description;
a labeller that is slow or fails shows in ``health`` and affects nothing else.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from stream.capture.redact import redact
from stream.describing.labeller import LabellerThread
from stream.describing.last_minute import FPS, HEIGHT, LastMinute
from stream.describing.latest import Description, LatestDescription
from stream.describing.notes import Notebook
from stream.describing.options import TextOptions
from stream.errors import UsageError
from stream.publish.messages import Describing, Notes
from stream.records import Frame

if TYPE_CHECKING:
    from stream.bundle.load import Bundle
    from stream.bundle.manifest import TextForm

PROVIDERS = ("gemini",)
TROUBLE = ("failing", "denied")
TIMEOUT_S = 120.0  # of one request
PROMPT = "cot_reflection"


class LiveText:
    """A labeller, an operator, or both. The description of the latest moment wins."""

    def __init__(
        self,
        newest: LatestDescription,
        *,
        minute: LastMinute | None = None,
        labeller: LabellerThread | None = None,
        notebook: Notebook | None = None,
        notice: str | None = None,
    ) -> None:
        """``notice``: what a user must know before the first picture is sent anywhere."""
        self.notice = notice
        self._newest, self._minute, self._labeller, self._notebook = newest, minute, labeller, notebook
        self._state = "working"  # of the labeller, as last reported

    def start(self) -> None:
        for each in (self._minute, self._labeller, self._notebook):
            if each is not None:
                each.start()

    def see(self, frame: Frame, scene: int) -> None:
        """For the fast lane: a frame and the scene of its Observation. Never waits."""
        if self._notebook is not None:
            self._notebook.see(frame.pts, scene)
        if self._minute is not None:
            self._minute.see(frame, scene)

    def take(self) -> Description | None:
        """For the slow lane: the latest description, once."""
        return self._newest.take()

    def describing(self) -> Describing | None:
        """The labeller's part of a health message, None without one."""
        return None if self._labeller is None else self._labeller.status()

    def turned(self) -> dict[str, str] | None:
        """Detail of an event when the labeller began to fail or recovered since the last call, else None."""
        describing = self.describing()
        if describing is None:
            return None
        before, self._state = self._state, describing.state if describing.state in TROUBLE else "working"
        if before == self._state:
            return None
        detail = {"provider": describing.provider, "from": before, "to": self._state}
        return detail if describing.last_error is None else {**detail, "reason": describing.last_error}

    def notes(self) -> Notes | None:
        """The operator's part of a health message, None without one."""
        return None if self._notebook is None else self._notebook.status()

    def close(self) -> None:
        """Stop everything within about two seconds. Safe to call twice."""
        for each in (self._notebook, self._labeller, self._minute):
            if each is not None:
                each.close()


def live_text(options: TextOptions, bundle: "Bundle", pace: str) -> LiveText | None:
    """What the options ask for, not started yet; None where they ask for nothing.

    Raises UsageError for a bundle or a pace that text cannot be used with, for an unknown labeller, and when
    its key or client is missing.
    """
    if options.model is not None and options.describe is None:
        raise UsageError(
            f"--describe-model {options.model}: expected it beside --describe, found it alone; "
            "add --describe gemini."
        )
    if not options.any:
        return None
    option = "--notes" if options.describe is None else "--describe"
    if (reads := bundle.manifest.text) is None:
        raise UsageError(
            f"{option}: expected a bundle with a text branch, found {bundle.manifest.name} without one; "
            "nothing would read the descriptions, leave the option out or name another bundle."
        )
    if pace != "live":
        raise UsageError(
            f"{option}: expected --pace live, found {pace}, at which minutes pass in seconds; "
            "add --pace live."
        )
    newest = LatestDescription()
    notebook = None if options.notes is None else Notebook(options.notes, newest)
    if options.describe is None:
        return LiveText(newest, notebook=notebook)
    if options.describe not in PROVIDERS:
        raise UsageError(
            f"--describe: expected one of {', '.join(PROVIDERS)}, found {options.describe!r}; "
            "choose one of these."
        )
    minute = LastMinute()
    labeller, where = _gemini(options, minute, newest, reads.form)
    notice = (
        f"the last minute of video (picture only, no sound, at most {HEIGHT} lines) will be sent to {where} "
        f"every {options.every_s:g} s for a description"
    )
    return LiveText(newest, minute=minute, labeller=labeller, notebook=notebook, notice=notice)


def _gemini(
    options: TextOptions, minute: LastMinute, newest: LatestDescription, form: "TextForm"
) -> tuple[LabellerThread, str]:
    """The thread that asks Gemini, and where it sends video. ``form``: of the branch's texts."""
    try:
        from stream.describing.labellers.backoff import Backoff
        from stream.describing.labellers.gemini import Gemini
        from stream.describing.labellers.prompts import load
        from stream.describing.labellers.provider import GEMINI_MODEL, GOOGLE, Sampling
        from stream.describing.rendering import render
    except ImportError as error:
        raise UsageError(
            f"--describe gemini: expected Google's client google-genai, found no {error.name}; "
            "install Undertone with its extra `gemini`."
        ) from None
    addresses: list[str] = []

    def provider(sleep: Callable[[float], None]) -> Gemini:
        # Inline, so that no file stays with the service; no retry: the next request has a newer minute.
        made = Gemini(backoff=Backoff(tries=1), asks=1, inline=True, timeout_s=TIMEOUT_S, sleep=sleep)
        addresses.append(made.address)
        return made

    labeller = LabellerThread(
        minute,
        newest,
        provider,
        load(PROMPT),
        Sampling(options.model or GEMINI_MODEL, fps=FPS),
        lambda reply: render(reply.answer, form=form, names=options.names),
        every_s=options.every_s,
    )
    return labeller, "Google" if addresses == [GOOGLE] else redact(addresses[0])
