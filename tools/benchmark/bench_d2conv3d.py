"""Measure speed and memory on this machine: ``mmdfer benchmark d2conv3d``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['d2conv3d', *sys.argv[1:]])
