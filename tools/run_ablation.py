"""Run the rows of an ablation table: ``mmdfer ablation``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('ablation')
