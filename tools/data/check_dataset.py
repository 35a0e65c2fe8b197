"""Is my copy of a data set whole? ``python tools/data/check_dataset.py dfew /data/DFEW``; exit status 1 if not."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('check')
