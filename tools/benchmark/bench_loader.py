"""Measure speed and memory on this machine: ``mmdfer benchmark loader``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['loader', *sys.argv[1:]])
