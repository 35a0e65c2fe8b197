"""Measure the speed of every part on this machine: ``mmdfer benchmark all``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['all', *sys.argv[1:]])
