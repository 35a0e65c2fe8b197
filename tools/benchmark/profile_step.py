"""Where the time of a training step goes: ``mmdfer benchmark profile-step``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['profile-step', *sys.argv[1:]])
