"""Caption the clips of a set, or own videos: ``mmdfer captions``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('captions')
