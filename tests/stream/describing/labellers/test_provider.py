"""The records that every provider takes and gives."""

import subprocess
import sys

import pytest

from stream.describing.labellers.provider import Sampling
from stream.errors import UsageError


def test_tokens_are_pictures_times_resolution():
    assert Sampling("m", fps=4, resolution="low").tokens(350) == 350 * 4 * 64
    assert Sampling("m", fps=24, resolution="medium").tokens(350) == 2_150_400
    assert Sampling("m", fps=1).tokens(0.1) == 64


@pytest.mark.parametrize("fps", [0.0, -1.0, 24.5, float("nan")])
def test_a_rate_that_no_model_takes(fps):
    with pytest.raises(UsageError, match="expected fps above 0 and up to 24, found"):
        Sampling("m", fps=fps)


def test_a_resolution_that_no_model_takes():
    with pytest.raises(UsageError, match="expected a resolution of low or medium, found 'high'"):
        Sampling("m", resolution="high")


def test_without_the_extra_gemini_is_one_sentence():
    code = (
        "import sys\n"
        "sys.modules['google.genai'] = sys.modules['pydantic'] = None\n"
        "from stream.describing.labellers.provider import gemini\n"
        "from stream.errors import UsageError\n"
        "try: gemini()\n"
        "except UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "install Undertone with its extra `gemini`" in done.stdout
