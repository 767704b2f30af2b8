"""Asking again: longer waits each time, never in step with others, and as long as the other side wishes."""

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
    """Waits of first_s, 2·first_s, 4·first_s …, each cut by up to a half at random, never above most_s."""

    tries: int = 5
    first_s: float = 1.0
    most_s: float = 60.0

    def __call__(
        self,
        ask: Callable[[], Result],
        sleep: Sleep = time.sleep,
        chance: Callable[[], float] = random.random,  # 0..1
    ) -> Result:
        """What ``ask`` returns. The last DescriptionUnavailable goes through, and one that wants more than
        ``most_s`` of patience at once: whoever has it may come back later.
        """
        for number in range(self.tries):
            try:
                return ask()
            except DescriptionUnavailable as error:
                wished = error.retry_after_s or 0.0
                if number == self.tries - 1 or wished > self.most_s:
                    raise
            wait = min(self.most_s, self.first_s * 2**number) * (1 - chance() / 2)
            sleep(max(wait, wished))
        raise ValueError("a backoff needs at least one try")
