"""A training that is killed, whenever it is, goes on to the tensors, predictions and figures of an undisturbed one."""
import json
import os
import subprocess
import sys

import pytest

from ..conftest import ROOT
from .killed_training import EVERY


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs copies of a process')
def test_at_every_third_file_event(tmp_path):
    done = subprocess.run([sys.executable, '-m', 'tests.end_to_end.killed_training', str(tmp_path)], cwd=ROOT,
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), OMP_NUM_THREADS='1'),
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['faults'] == {}
    assert report['events'] > 50 and report['tried'] == -(-report['events'] // EVERY)
