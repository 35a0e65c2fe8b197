"""Evaluate a checkpoint: ``python tools/test.py configs/fe_adapter_vitb_dfew.py CHECKPOINT --fold 1``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('test')
