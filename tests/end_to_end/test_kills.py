"""A training that is killed, whenever it is, goes on to the tensors, predictions and figures of an undisturbed one."""
import json
import multiprocessing
import os

import pytest

from .killed_training import EVERY, kill_training


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs copies of a process')
def test_at_every_third_file_event(tmp_path):
    process = multiprocessing.get_context('fork').Process(target=kill_training, args=(tmp_path, ))
    process.start()
    process.join()
    assert process.exitcode == 0
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['faults'] == {}
    assert report['events'] > 50 and report['tried'] == -(-report['events'] // EVERY)
