"""Weights with names: ``python tools/weights.py list``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('weights')
