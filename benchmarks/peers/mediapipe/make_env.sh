#!/bin/sh
# The peer's own environment, .venv-mediapipe in the repository root: MediaPipe 0.10.21 and what it needs.
# Its pins (NumPy 1, protobuf 4, jax) do not go with ours, hence the wall between them.
set -eu
cd "$(dirname "$0")/../../.."
python="${PYTHON:-python3.11}"
[ -x .venv-mediapipe/bin/python ] || "$python" -m venv .venv-mediapipe
PIP_CONSTRAINT= .venv-mediapipe/bin/python -m pip install --quiet --disable-pip-version-check \
  -r benchmarks/peers/mediapipe/requirements.txt
.venv-mediapipe/bin/python -c "import mediapipe; print('mediapipe', mediapipe.__version__)"
