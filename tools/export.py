"""Write a model for other programs: ``python tools/export.py configs/pe_clip_vitb16_dfew.py best.pth``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('export')
