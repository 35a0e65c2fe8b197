"""Make a synthetic set in DFEW's layout: ``python tools/data/make_demo_clips.py --out data/demo``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('demo-clips')
