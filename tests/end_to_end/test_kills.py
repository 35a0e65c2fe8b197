"""A training that is killed, whenever it is, goes on to the tensors, predictions and figures of an undisturbed one."""
import json
import os

import pytest

from ..fresh import fresh_python
from .killed_training import EVERY

KILL = '''
    import sys
    from pathlib import Path
    from tests.end_to_end.killed_training import kill_training
    kill_training(Path(sys.argv[1]))
'''


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs copies of a process')
def test_at_every_third_file_event(tmp_path):
    done = fresh_python(KILL, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['faults'] == {}
    assert report['events'] > 50 and report['tried'] == -(-report['events'] // EVERY)
