"""Run a table or a figure of a paper: ``mmdfer reproduce``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('reproduce')
