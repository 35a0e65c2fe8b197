"""The pictures of the guide to one's own videos: ``python tools/analysis/guide_pictures.py --out pictures``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('guide-pictures')
