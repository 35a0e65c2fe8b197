"""Kill jobs at every file event and start them again: ``mmdfer benchmark kills``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('benchmark', ['kills', *sys.argv[1:]])
