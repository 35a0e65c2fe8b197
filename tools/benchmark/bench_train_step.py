"""Measure speed and memory on this machine: ``mmdfer benchmark train-step``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['train-step', *sys.argv[1:]])
