"""Convert a CLIP model of OpenAI, open_clip, transformers or Long-CLIP: ``mmdfer convert clip``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('convert', ['clip', *sys.argv[1:]])
