"""Whether runs differ by more than chance: ``python tools/analysis/compare_runs.py work_dirs/A work_dirs/B``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('compare')
