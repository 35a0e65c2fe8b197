"""Count a config's parameters: ``python tools/analysis/count_params.py configs/fe_adapter_vitb_dfew.py --full``."""
import argparse
import json

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file; needs no data and no weights')
    parser.add_argument('--json', action='store_true', help='print one JSON object as the last line')
    parser.add_argument('--full', action='store_true', help='FLOPs and activation memory of one clip as well')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config entries, as key=value')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmdfer.run_config import load_config
    from mmdfer.apis.counting import count_config, format_report, messages_on_stderr
    with messages_on_stderr():
        report = count_config(load_config(args.config, args.cfg_options), args.full)
    print(format_report(report))
    if args.json:
        print(json.dumps(report))


if __name__ == '__main__':
    from mmdfer.apis.cli import run_tool
    run_tool(main)
