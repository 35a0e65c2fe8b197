"""Refine captions: ``python tools/data/refine_captions.py data/DFEW/captions.jsonl``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('refine')
