"""Gemini, through Google's own client: upload, wait, ask, delete.

The key comes from GOOGLE_API_KEY or GEMINI_API_KEY and is sent in the header of requests only.
"""

import secrets
import time
from collections.abc import Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from google.genai import Client, types
from google.genai.errors import ClientError

from stream.describing.labellers.answer import parse
from stream.describing.labellers.backoff import Backoff, Sleep
from stream.describing.labellers.gemini_errors import GONE, read, tokens, translated
from stream.describing.labellers.prompts import Prompt
from stream.describing.labellers.provider import (
    FREE,
    Clip,
    Keep,
    Meter,
    Reply,
    Sampling,
    gemini_address,
    gemini_key,
    nothing,
)
from stream.errors import (
    DescriptionError,
    DescriptionMalformed,
    DescriptionRefused,
    DescriptionUnavailable,
)

MIME = {".mp4": "video/mp4", ".webm": "video/webm", ".avi": "video/avi"}
INLINE_BYTES = 14_000_000  # with base64 and the prompt just under 20 MB, the limit of a request
PATIENT = Backoff()

Result = TypeVar("Result")


class Gemini:
    """A labeller. UsageError without a key, and for an unencrypted address on another host."""

    name = "gemini"

    def __init__(
        self,
        *,
        base_url: str | None = None,  # of a proxy; else UNDERTONE_GEMINI_URL, else Google
        uploads: MutableMapping[str, str] | None = None,  # SHA-256 → remote file; on disk it survives a kill
        meter: Meter = FREE,
        backoff: Backoff = PATIENT,
        asks: int = 2,  # requests until an answer fits the schema, at least 1
        inline: bool = False,  # send small clips inside the request: the service keeps no file
        timeout_s: float = 600.0,  # of one request
        ready_s: float = 300.0,  # for the service to process a video
        poll_s: float = 2.0,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._key, self.address = gemini_key(), gemini_address(base_url)
        self._uploads: MutableMapping[str, str] = {} if uploads is None else uploads
        self._meter, self._backoff, self._asks, self._inline = meter, backoff, asks, inline
        self._polls, self._poll_s, self._sleep = max(1, round(ready_s / poll_s)), poll_s, sleep
        options = types.HttpOptions(base_url=self.address, timeout=round(timeout_s * 1000))
        self._client = Client(api_key=self._key, vertexai=False, http_options=options)

    def describe(self, clip: Clip, prompt: Prompt, sampling: Sampling, keep: Keep = nothing) -> Reply:
        """See Provider. A malformed answer is asked for again, with the next seed."""
        try:
            video = self._video(clip, sampling)
            for again in range(self._asks - 1):
                try:
                    return self._ask(video, prompt, sampling, again, keep)
                except DescriptionMalformed:
                    continue
            return self._ask(video, prompt, sampling, self._asks - 1, keep)
        finally:
            self._forget(clip.sha256)

    def close(self) -> None:
        """Delete uploaded files, also those of a killed run, and close the connection."""
        for sha256 in list(self._uploads):
            self._forget(sha256)
        self._client.close()

    def _ask(self, video: types.Part, prompt: Prompt, sampling: Sampling, again: int, keep: Keep) -> Reply:
        """One answer; ``again``: number of earlier requests. At temperature 0 only the seed differs."""
        config = types.GenerateContentConfig(
            response_mime_type="application/json",
            # As JSON Schema: the service's own schema type has no additionalProperties.
            response_json_schema=prompt.schema.model_json_schema(),
            temperature=sampling.temperature,
            seed=sampling.seed + again,
            media_resolution=types.MediaResolution(f"MEDIA_RESOLUTION_{sampling.resolution.upper()}"),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            automatic_continuation=False,  # would send requests past the meter
        )
        # Video before text, as the documentation recommends.
        content = types.Content(role="user", parts=[video, types.Part(text=prompt.text)])

        def generate() -> types.GenerateContentResponse:
            self._meter.request()
            return self._client.models.generate_content(model=sampling.model, contents=content, config=config)

        response = self._patiently(generate)
        spent = tokens(response)
        self._meter.spent(*spent)
        served = read(response)
        answer = parse(served.text, prompt.schema)
        reply = Reply(served.text, answer, served.model or sampling.model, *spent)
        keep(reply)
        return reply

    def _video(self, clip: Clip, sampling: Sampling) -> types.Part:
        """The clip as part of a request, inline if allowed and small enough, else uploaded."""
        seen = types.VideoMetadata(fps=sampling.fps)
        mime = MIME[clip.path.suffix]
        if self._inline and clip.path.stat().st_size <= INLINE_BYTES:
            blob = types.Blob(data=clip.path.read_bytes(), mime_type=mime)
            return types.Part(inline_data=blob, video_metadata=seen)
        sent = self._patiently(partial(self._uploaded, clip, mime))
        file = self._ready(self._uploads[clip.sha256], sent)
        return types.Part(file_data=types.FileData(file_uri=file.uri, mime_type=mime), video_metadata=seen)

    def _uploaded(self, clip: Clip, mime: str) -> types.File:
        """The remote file of a clip: that of an earlier attempt or run, else a new one."""
        name = self._uploads.get(clip.sha256)
        if name is not None and (file := self._existing(name)) is not None:
            return file
        if name is None:
            # A name of our own, recorded before the upload: a killed run leaves no file that cannot be found.
            name = self._uploads[clip.sha256] = f"files/undertone-{secrets.token_hex(12)}"
        return self._send(clip.path, name, mime)

    def _send(self, path: Path, name: str, mime: str) -> types.File:
        with path.open("rb") as file:  # opened here: given a path, the client would send its name
            return self._client.files.upload(
                file=file, config=types.UploadFileConfig(name=name, mime_type=mime)
            )

    def _existing(self, name: str) -> types.File | None:
        try:
            return self._client.files.get(name=name)
        except ClientError as error:
            if error.code in GONE:
                return None
            raise

    def _ready(self, name: str, file: types.File) -> types.File:
        """The file, once the service has processed it."""
        for _ in range(self._polls):
            if file.state == types.FileState.ACTIVE:
                return file
            if file.state == types.FileState.FAILED:
                why = file.error.message if file.error and file.error.message else "no reason given"
                raise DescriptionRefused(
                    f"gemini: expected a video that it can read, found that it cannot ({why}); leave it out."
                )
            self._sleep(self._poll_s)
            file = self._patiently(partial(self._client.files.get, name=name))
        raise DescriptionUnavailable(
            f"gemini: expected the video to be processed within {self._polls * self._poll_s:g} s, found it "
            "still in progress; try again later."
        )

    def _forget(self, sha256: str) -> None:
        """Delete the remote file of a clip, if there is one; a file that cannot be deleted stays recorded."""
        name = self._uploads.get(sha256)
        if name is None:
            return
        try:
            with translated(self._key):
                self._delete(name)
        except DescriptionError:
            return
        self._uploads.pop(sha256, None)

    def _delete(self, name: str) -> None:
        try:
            self._client.files.delete(name=name)
        except ClientError as error:
            if error.code not in GONE:
                raise

    def _patiently(self, call: Callable[[], Result]) -> Result:
        def once() -> Result:
            with translated(self._key):
                return call()

        return self._backoff(once, sleep=self._sleep)
