"""A small stand-in for Gemini's service on 127.0.0.1: resumable upload, get, delete, generateContent.

It follows the service where the client can tell: 403 for a file that is not there, 409 for a name that is
taken, 400 for a wrong key and for a schema form with additionalProperties, PROCESSING before ACTIVE. Faults
are scripted by kind of request, one for each request, in order.
"""

import json
import re
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

Kind = Literal["start", "upload", "get", "generate", "delete"]
KEY = "AIza-not-a-real-key-4711"
RPC = "type.googleapis.com/google.rpc"
NEVER = 3600.0  # s; closing the server ends every delay
GOOD = {
    "action_units": [
        {"code": "AU4", "name": "Brow lowerer", "start_s": 1.5, "end_s": None, "emotion": "strain"}
    ],
    "evidence_win": ["relaxed shoulders"],
    "evidence_loss": ["lowered brow"],
    "reflection": ["a lowered brow may be the light"],
    "confidence_win": 70.0,
    "confidence_loss": 30.0,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request in place of the usual; an empty one is the usual."""

    status: int = 200
    message: str = "something went wrong"
    headers: Mapping[str, str] = field(default_factory=dict)
    details: tuple[dict[str, Any], ...] = ()
    body: bytes | None = None  # verbatim, in place of everything
    answer: str | None = None  # the model's text
    response: Mapping[str, Any] | None = None  # generateContent's whole response
    delay_s: float = 0.0  # before anything is sent back
    reset: bool = False  # the connection is cut, an upload's in the middle of its body


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    kind: Kind
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up amid an answer is what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class GeminiServer:
    """``with GeminiServer() as server``: ``url`` to talk to, ``faults[kind]`` to script, ``asked`` to see."""

    def __init__(self, key: str = KEY, polls: int = 1, delay_s: float = 0.0) -> None:
        """``polls``: how often a file is PROCESSING before it is ACTIVE; ``delay_s``: of every answer."""
        self.key, self.polls, self.delay_s = key, polls, delay_s
        self.faults: dict[Kind, deque[Fault]] = {
            kind: deque() for kind in ("start", "upload", "get", "generate", "delete")
        }
        self.answer: Callable[[Asked], str] = lambda asked: json.dumps(GOOD)
        self.model: str | None = None  # as served; None: the one asked for
        self.failing = False  # files end as FAILED
        self.asked: list[Asked] = []
        self.files: dict[str, dict[str, Any]] = {}  # by name, as the service shows them
        self.contents: dict[str, bytes] = {}  # of files, also of deleted ones
        self._starting: dict[str, dict[str, Any]] = {}  # uploads under way by their id
        self._lock, self._closing = threading.Lock(), threading.Event()
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._http = _Quiet(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def of(self, kind: Kind) -> list[Asked]:
        """Requests of one kind so far."""
        with self._lock:
            return [asked for asked in self.asked if asked.kind == kind]

    def reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body; None where the connection is to be cut."""
        with self._lock:
            self.asked.append(asked)
            script = self.faults[asked.kind]
            fault = script.popleft() if script else Fault()
        self._closing.wait(fault.delay_s or (self.delay_s if asked.kind == "generate" else 0))
        if fault.reset:
            return None
        if fault.body is not None:
            return fault.status, dict(fault.headers), fault.body
        if fault.status != 200:
            return _error(fault.status, fault.message, fault.headers, fault.details)
        if asked.headers.get("x-goog-api-key") != self.key and asked.kind != "upload":
            found = asked.headers.get("x-goog-api-key")  # the real one does not repeat it; a proxy may
            reason = {"@type": f"{RPC}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            message = f"API key not valid: {found}. Please pass a valid API key."
            return _error(400, message, details=(reason,))
        with self._lock:
            return getattr(self, f"_{asked.kind}")(asked, fault)

    def _start(self, asked: Asked, fault: Fault) -> tuple[int, dict[str, str], bytes]:
        file = asked.json().get("file", {})
        name = file.get("name") or f"files/made-{len(self._starting)}"
        if name in self.files:
            return _error(409, f"File {name} already exists.")
        number = str(len(self._starting))
        self._starting[number] = {
            "name": name,
            "mimeType": asked.headers["x-goog-upload-header-content-type"],
            "sizeBytes": asked.headers["x-goog-upload-header-content-length"],
        }
        where = f"{self.url}/upload/v1/files?upload_id={number}&upload_protocol=resumable"
        return 200, {"X-Goog-Upload-URL": where, "X-Goog-Upload-Status": "active"}, b""

    def _upload(self, asked: Asked, fault: Fault) -> tuple[int, dict[str, str], bytes]:
        file = self._starting[urlsplit(asked.path).query.split("&")[0].removeprefix("upload_id=")]
        name = file["name"]
        offset = int(asked.headers["x-goog-upload-offset"])
        kept = b"" if offset == 0 else self.contents[name]
        if offset != len(kept):
            return _error(400, "Wrong offset.", {"X-Goog-Upload-Status": "final"})
        self.contents[name] = kept + asked.body
        if "finalize" not in asked.headers["x-goog-upload-command"]:
            return 200, {"X-Goog-Upload-Status": "active"}, b""
        if len(self.contents[name]) != int(file["sizeBytes"]):
            return _error(400, "Wrong size.", {"X-Goog-Upload-Status": "final"})
        self.files[name] = file | {
            "uri": f"{self.url}/v1/{name}",
            "state": "PROCESSING",
            "polls": self.polls,
        }
        return 200, {"X-Goog-Upload-Status": "final"}, _json({"file": self._shown(name)})

    def _get(self, asked: Asked, fault: Fault) -> tuple[int, dict[str, str], bytes]:
        name = _name(asked)
        return (200, {}, _json(self._shown(name))) if name in self.files else _no_file(name)

    def _shown(self, name: str) -> dict[str, Any]:
        file = self.files[name]
        if file["polls"]:
            file["polls"] -= 1
        else:
            file["state"] = "FAILED" if self.failing else "ACTIVE"
        error = {"error": {"code": 3, "message": "no video stream"}} if file["state"] == "FAILED" else {}
        return {k: v for k, v in file.items() if k != "polls"} | error

    def _delete(self, asked: Asked, fault: Fault) -> tuple[int, dict[str, str], bytes]:
        name = _name(asked)
        return (200, {}, b"{}") if self.files.pop(name, None) else _no_file(name)

    def _generate(self, asked: Asked, fault: Fault) -> tuple[int, dict[str, str], bytes]:
        body = asked.json()
        if "additional" in json.dumps(body["generationConfig"].get("responseSchema", {})):
            return _error(400, 'Unknown name "additional_properties": Cannot find field.')
        for part in body["contents"][0]["parts"]:
            uri = part.get("fileData", {}).get("fileUri")
            if (
                uri is not None
                and self.files.get(urlsplit(uri).path.removeprefix("/v1/"), {}).get("state") != "ACTIVE"
            ):
                return _error(400, "The file is not in an ACTIVE state.")
        if fault.response is not None:
            return 200, {}, _json(fault.response)
        text = self.answer(asked) if fault.answer is None else fault.answer
        model = self.model or re.search(r"models/([^:]+):", asked.path)[1]
        return 200, {}, _json(response(text, model=model))


def response(text: str, model: str = "model", finish: str = "STOP") -> dict[str, Any]:
    """generateContent's response around a model's text: 1000 tokens in, 200 out, 50 of them thoughts."""
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish, "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": 1000,
            "candidatesTokenCount": 150,
            "thoughtsTokenCount": 50,
            "totalTokenCount": 1200,
        },
        "modelVersion": model,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _error(
    status: int, message: str, headers: Mapping[str, str] | None = None, details: tuple[dict, ...] = ()
) -> tuple[int, dict[str, str], bytes]:
    names = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        409: "ALREADY_EXISTS",
        429: "RESOURCE_EXHAUSTED",
    }
    error = {
        "code": status,
        "message": message,
        "status": names.get(status, "INTERNAL"),
        "details": [*details],
    }
    return status, dict(headers or {}), _json({"error": error})


def _no_file(name: str) -> tuple[int, dict[str, str], bytes]:
    return _error(403, f"You do not have permission to access the File {name} or it may not exist.")


def _name(asked: Asked) -> str:
    return re.search(r"files/[^/?]+", asked.path)[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize, disable_nagle_algorithm = -1, True  # a reply in one piece and at once
    server_of: GeminiServer

    def _serve(self) -> None:
        kind = self._kind()
        size = int(self.headers.get("Content-Length") or 0)
        script = self.server_of.faults[kind]
        cut = kind == "upload" and bool(script) and script[0].reset
        body = self.rfile.read(size // 2 if cut else size)
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = self.server_of.reply(Asked(kind, self.command, self.path, headers, body))
        if found is None:
            # Zero seconds to linger: the other side sees a reset, not an end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        status, extra, payload = found
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **extra}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
            self.wfile.flush()
        except OSError:  # whoever asked has gone
            self.close_connection = True

    do_GET = do_POST = do_DELETE = _serve

    def _kind(self) -> Kind:
        if self.path.startswith("/upload/"):
            return "start" if "upload_id=" not in self.path else "upload"
        if ":generateContent" in self.path:
            return "generate"
        return "delete" if self.command == "DELETE" else "get"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
