"""Train a config: ``python tools/train.py configs/fe_adapter_vitb_dfew.py --data-root /data/DFEW --fold 1``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('train')
