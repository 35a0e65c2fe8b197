"""Pack a set's clips into one file: ``mmdfer pack``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('pack')
