"""Find faces, landmarks and face parts in clips: ``mmdfer faces``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('faces')
