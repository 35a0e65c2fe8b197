#!/usr/bin/env bash
# Runs the tests, and needs nothing but Python 3.11-3.13 and pip: what is missing is installed into .venv first.
#
#   bash tools/test.sh                                  the whole suite
#   bash tools/test.sh -k uar tests/test_evaluation     any arguments of pytest; paths count from the repository root
#   bash tools/test.sh -n 0 -k uar                      in one process, as for a debugger
#
# PYTHON and PIP_ARGS choose the interpreter and add to `pip install`: see tools/env.sh.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
find_environment

cd "$root"
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"       # busy threads of several processes would hold each other up
unset PYTHONDONTWRITEBYTECODE                              # each interpreter that tests start would compile anew
export PYTHONPATH="$root/projects${PYTHONPATH:+:$PYTHONPATH}"      # this tree, whatever else is installed
# A file's tests stay in one process, since some share what they made; each process computes with one thread. Files go
# out by name, so that the long ones, which are end_to_end, do not come last and alone.
exec "$python" -m pytest --numprocesses auto --maxprocesses 4 --max-worker-restart 0 --dist loadfile \
    --no-loadscope-reorder "$@"
