#!/bin/sh
# The peer's own environment, .venv-continual in the repository root: continual-inference and its torch.
set -eu
cd "$(dirname "$0")/../../.."
python="${PYTHON:-python3.11}"
[ -x .venv-continual/bin/python ] || "$python" -m venv .venv-continual
PIP_CONSTRAINT= .venv-continual/bin/python -m pip install --quiet --disable-pip-version-check \
  -r benchmarks/peers/continual/requirements.txt
.venv-continual/bin/python -c "import continual; print('continual-inference', continual.__version__)"
