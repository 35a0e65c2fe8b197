"""The report of a run: ``python tools/analysis/report.py work_dirs/fe_adapter_vitb_dfew/fold_1``."""
from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('report')
