"""What a FineCLIPER model goes by: ``mmdfer similarity``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('similarity')
