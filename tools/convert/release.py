"""Convert a released checkpoint, so that a config gives its logits: ``mmdfer convert release``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('convert', ['release', *sys.argv[1:]])
