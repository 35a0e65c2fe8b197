"""What a model looks at: ``mmdfer explain``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('explain')
