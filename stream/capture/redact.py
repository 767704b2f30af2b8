"""Credentials out of any text that people or machines may read."""

import hashlib
import re

HIDDEN = "***"
_HOST = re.compile(r"(\[[0-9a-f:.%]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.I)

# A query name that contains one of these has its value hidden.
_SECRET = re.compile(
    r"token|key|pass|pwd|secret|sig|auth|cred|session|sid|jwt|ticket|hmac|policy|hdn|^pw$", re.I
)

# An address in a text runs to the next white space, quote or angle bracket. Repeats before a fixed part are
# bounded: a long text must not cost the square of its length.
_URL = re.compile(r"([a-z][a-z0-9+.-]{0,31}://)([^\s\"'<>]*)", re.I)
# A percent-encoded address inside a query value of another one, and the end of its user part.
_ENCODED = re.compile(r"(%3a%2f%2f)([^\s&\"'<>]*)", re.I)
_ENCODED_AT = re.compile(r"%40", re.I)
_NAME = r"([?&;#]|%3f|%26)([^=&;#?\s\"'<>%]{1,64})(=|%3d)"
_QUERY_IN_TEXT = re.compile(_NAME + r"((?:(?!%26)[^&\s\"'<>])+)", re.I)
_QUERY_IN_URL = re.compile(_NAME + r"((?:(?!%26)[^&])+)", re.I | re.S)
_PLAIN_HOST = re.compile(r"\[[0-9a-f:.%]*\]|[^:@\[\]]*", re.I)


def shown(url: str) -> str:
    """What people may read of an address: scheme, host, port, and six digits that tell two of them apart.

    Nothing of user, path or query: no list of secret-looking names is ever complete, and stream keys are
    paths. Where it is not certain which part is the host, that is left out too.
    """
    scheme, _, rest = url.partition("://")
    digest = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:6]
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    # A password with an unescaped slash looks like host and port; an "@" that comes later gives it away.
    doubtful = "@" in rest[len(authority) :] and (":" in authority or "@" in authority)
    known = _HOST.fullmatch(host) if not doubtful else None
    return f"{scheme.lower()}://{host.lower() if known else '…'} ({digest})"


def hide_addresses(text: str) -> str:
    """``text`` with every address in it reduced to what `shown` gives."""
    return redact(_URL.sub(lambda match: shown(match[0]), text))


def redact(text: str) -> str:
    """``text`` with ``user:password@`` and secret-looking query values removed from every address in it.

    Works on bare addresses and on sentences around them. Doubtful cases lose more rather than less: a
    password with unescaped ``@``, ``/`` or ``?`` in it goes as a whole.
    """
    text = _URL.sub(lambda match: match[1] + _without_userinfo(match[2]), text)
    text = _ENCODED.sub(lambda match: match[1] + _ENCODED_AT.split(match[2])[-1], text)
    return _QUERY_IN_TEXT.sub(_hide, text)


def redact_url(url: str) -> str:
    """``redact`` for a text that is one address as a whole: white space and quotes in it end nothing."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return redact(url)
    return redact(_QUERY_IN_URL.sub(_hide, f"{scheme}://{_without_userinfo(rest)}"))


def _hide(match: re.Match[str]) -> str:
    start, name, equals, value = match.groups()
    return f"{start}{name}{equals}{HIDDEN if _SECRET.search(name) else value}"


def _without_userinfo(rest: str) -> str:
    """What follows ``://`` without its user part, which ends at the last ``@`` that can belong to it."""
    head, at, tail = rest.rpartition("@")
    if not at:
        return rest
    authority = re.split(r"[/?#]", head, maxsplit=1)[0]
    # "host/path@x" has no user part: no colon and no "@" before the first slash. "host:8080/path@x" could
    # be a user and a password that starts with 8080/, so it counts as one.
    if authority != head and _PLAIN_HOST.fullmatch(authority):
        return rest
    return tail
