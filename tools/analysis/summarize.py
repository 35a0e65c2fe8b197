"""Finished runs in one table: ``python tools/analysis/summarize.py work_dirs``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('summarize')
