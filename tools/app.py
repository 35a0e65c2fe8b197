"""A local page for your own videos: ``python tools/app.py``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('app')
