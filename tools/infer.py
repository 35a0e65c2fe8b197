"""Recognise expressions in videos: ``python tools/infer.py CONFIG CHECKPOINT video.mp4 --out out/``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('infer')
