"""Count a config's parameters: ``mmdfer count fe_adapter_vitb_dfew --full``. It needs no data and no weights."""
from __future__ import annotations

import argparse
import json

from .. import options

HELP = "count a config's parameters"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=options.CONFIG_HELP)
    parser.add_argument('--json', action='store_true', help='print one JSON object as the last line')
    parser.add_argument('--full', action='store_true', help='FLOPs and activation memory of one clip as well')
    options.add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    from ...run_config import load_config
    from ..counting import count_config, format_report, messages_on_stderr
    with messages_on_stderr():
        report = count_config(load_config(args.config, args.cfg_options), args.full)
    print(format_report(report))
    if args.json:
        print(json.dumps(report))
