"""What fits on my card: ``python tools/analysis/cost.py configs/fe_adapter_vitb_dfew.py --gpu 24GB``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('cost')
