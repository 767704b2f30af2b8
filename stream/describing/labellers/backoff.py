"""Retries with exponential backoff and jitter, and at least as long as the service asks for."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from stream.errors import DescriptionUnavailable

Result = TypeVar("Result")
Sleep = Callable[[float], None]  # seconds


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of first_s, 2·first_s, 4·first_s …, each shortened at random by up to a half, at most most_s."""

    tries: int = 5
    first_s: float = 1.0
    most_s: float = 60.0

    def __call__(
        self,
        ask: Callable[[], Result],
        sleep: Sleep = time.sleep,
        chance: Callable[[], float] = random.random,  # 0..1
    ) -> Result:
        """What ``ask`` returns. Raises the last DescriptionUnavailable, and at once one that asks to wait
        more than ``most_s``.
        """
        for number in range(self.tries):
            try:
                return ask()
            except DescriptionUnavailable as error:
                wished_s = error.retry_after_s or 0.0
                if number == self.tries - 1 or wished_s > self.most_s:
                    raise
            wait_s = min(self.most_s, self.first_s * 2**number) * (1 - chance() / 2)
            sleep(max(wait_s, wished_s))
        raise ValueError("a backoff needs at least one try")
