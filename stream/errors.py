"""What can go wrong, as a tree.

UndertoneError                  every message is one sentence: expected, found, what to do
├── SourceError                 a video source that cannot be opened or read
│   └── SourceTimeout           … that accepted and then said nothing in time
├── BundleError                 a bundle that is incomplete, damaged or of another schema
├── ModelError                  a model file that is missing, damaged or of another shape
├── ProviderError               an execution provider that is unknown or did not load
├── PublishError                an endpoint that cannot be bound or may not be
├── MessageError                bytes that are no message of a known schema
├── DescriptionError            a labeller gave no description
│   ├── DescriptionRefused      … because it would not speak of this video
│   │   └── DescriptionRejected … or not even take it: too long, or of a kind that it does not read
│   ├── DescriptionMalformed    … but something that is not of the schema; keeps it
│   ├── DescriptionDenied       … because no request would do: the key, the model, a permission
│   └── DescriptionUnavailable  … because it is busy or down, after the retries
└── UsageError                  an option or argument outside what the command accepts
"""

from typing import Literal, get_args

SourceFault = Literal[
    "refused",  # nobody listens there
    "auth",  # user name, password or token
    "tls",  # the encrypted connection could not be made
    "timeout",  # accepted, and then nothing came in time
    "not_found",
    "forbidden",  # it leads to a host or file that it may not reach
    "codec",  # video that cannot be decoded here
    "corrupt",  # video that is damaged
    "no_video",  # there is something else
    "unreadable",  # no source at all: a name that cannot be one, a folder, an empty file
    "broke_off",  # it played, or began to, and stopped
]
SOURCE_FAULTS: tuple[SourceFault, ...] = get_args(SourceFault)


class UndertoneError(Exception):
    """Root of every error that Undertone raises on purpose; ``str()`` is one printable sentence."""


class SourceError(UndertoneError):
    """A video source cannot be opened or read; ``code`` says of which kind the fault is."""

    def __init__(self, sentence: str, *, code: SourceFault = "broke_off") -> None:
        super().__init__(sentence)
        self.code: SourceFault = code


class SourceTimeout(SourceError):
    """A video source accepted the connection and then sent nothing in time."""

    def __init__(self, sentence: str, *, code: SourceFault = "timeout") -> None:
        super().__init__(sentence, code=code)


class BundleError(UndertoneError):
    """A bundle is incomplete, damaged or written to another schema."""


class ModelError(UndertoneError):
    """A model file is missing, damaged or of another shape."""


class ProviderError(UndertoneError):
    """An execution provider is unknown or did not load."""


class PublishError(UndertoneError):
    """A publishing endpoint cannot be bound or is not allowed."""


class MessageError(UndertoneError):
    """Bytes are no message of a known schema."""


class DescriptionError(UndertoneError):
    """A labeller gave no description."""


class DescriptionRefused(DescriptionError):
    """A labeller would not speak of this video, or said nothing at all."""


class DescriptionRejected(DescriptionRefused):
    """A labeller does not take this video: it is too long, or of a kind that it does not read."""


class DescriptionMalformed(DescriptionError):
    """A labeller's answer is not of the schema; ``raw`` is what it said."""

    def __init__(self, message: str, raw: str = "") -> None:
        super().__init__(message)
        self.raw = raw


class DescriptionDenied(DescriptionError):
    """A labeller refuses the request itself, and would refuse the next one too: a wrong key, for one."""


class DescriptionUnavailable(DescriptionError):
    """A labeller is busy or down, also after the retries; it may be asked again in ``retry_after_s``."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UsageError(UndertoneError):
    """An option or argument is outside what the command accepts."""
