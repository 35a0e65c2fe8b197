"""Measure speed and memory on this machine: ``mmdfer benchmark videos``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['videos', *sys.argv[1:]])
