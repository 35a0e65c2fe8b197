#!/usr/bin/env bash
# Runs the tests, and needs nothing but Python 3.10-3.12 and pip: what is missing is installed into .venv first.
#
#   bash tools/test.sh                                  the whole suite
#   bash tools/test.sh -k uar tests/test_evaluation     any arguments of pytest; paths count from the repository root
#
# PYTHON and PIP_ARGS choose the interpreter and add to `pip install`: see tools/env.sh.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
find_environment

cd "$root"
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"       # busy threads of several processes would hold each other up
export PYTHONPATH="$root/projects${PYTHONPATH:+:$PYTHONPATH}"      # this tree, whatever else is installed
exec "$python" -m pytest "$@"
