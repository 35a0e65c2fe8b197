"""Train every fold of a set, and write the mean over the folds: ``mmdfer folds``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('folds')
