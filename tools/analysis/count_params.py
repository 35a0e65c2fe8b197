"""Count a config's parameters: ``python tools/analysis/count_params.py configs/fe_adapter_vitb_dfew.py --full``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('count')
