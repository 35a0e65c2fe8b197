"""The command line: light parsers, what is passed on, and how a mistake ends."""
import argparse
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from mmengine.config import DictAction

from mmdfer.apis import cli, options
from mmdfer.apis.cli import GROUPS, command_module, main, parse, run_command

from ..conftest import ROOT

COMMANDS = [name for group in GROUPS.values() for name in group]
HELPS = '''
import contextlib, io, json, runpy, sys
from mmdfer.apis.cli import main
said = {}
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            if words[0].endswith('.py'):
                sys.argv = [words[0], '--help']
                runpy.run_path(words[0], run_name='__main__')
            else:
                main([*words, '--help'])
        except SystemExit as ended:
            assert not ended.code, words
    said[' '.join(words)] = out.getvalue()
heavy = [name for name in ('torch', 'mmengine', 'mmcv', 'mmaction', 'decord', 'av') if name in sys.modules]
print(json.dumps(dict(said=said, heavy=heavy)))
'''


def test_help_is_light():
    """Every command's and every tool's, in one process: what one imports stays."""
    tools = sorted(str(path) for path in (ROOT / 'tools').rglob('*.py'))
    words = [['--help'], *([name] for name in COMMANDS), *(['convert', kind] for kind in ('vit', 'clip', 'release')),
             *([tool] for tool in tools)]
    done = subprocess.run([sys.executable, '-c', HELPS, json.dumps(words)], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, PYTHONPATH=str(ROOT / 'projects')))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found['heavy'] == []
    assert all(name in found['said']['--help'] for name in (*COMMANDS, *GROUPS))
    assert all('usage: ' in text for text in found['said'].values()) and '--seed' in found['said']['train']


def test_every_command_and_tool_is_there():
    modules = {path.stem.replace('_', '-') for path in (ROOT / 'projects/mmdfer/apis/commands').glob('[a-z]*.py')}
    assert sorted(modules) == sorted(COMMANDS)
    for name in COMMANDS:
        command = command_module(name)
        assert command.HELP and command.__doc__ and callable(command.add_arguments) and callable(command.run), name
    started = [(path.read_text().partition('run_command(')[2].split("'")[1]) for path in (ROOT / 'tools').rglob('*.py')]
    assert set(started) <= set(COMMANDS) and len(started) > 15


def test_an_unknown_command_offers_the_nearest(capsys):
    with pytest.raises(SystemExit) as ended:
        main(['tran', 'x'])
    assert "mmdfer tran: there is no such command; did you mean 'train'" in ended.value.code


def test_words_reach_the_command_and_its_status_the_shell(monkeypatch, capsys):
    seen = []

    def add_arguments(parser):
        parser.add_argument('config')
        parser.add_argument('--gpus', type=int, default=1)

    command = SimpleNamespace(__doc__='What it does.', add_arguments=add_arguments, PASSES_ON='train',
                              run=lambda args: seen.append(args) or 3)
    monkeypatch.setattr(cli, 'command_module', lambda name: command)
    with pytest.raises(SystemExit) as ended:
        run_command('any', ['a', '--gpus', '2', '--gp', '7', '--cfg-options', 'x=1'])
    args, = seen
    assert ended.value.code == 3 and (args.config, args.gpus) == ('a', 2)
    assert args.rest == ['--gp', '7', '--cfg-options', 'x=1']          # no abbreviation of what is passed on
    assert args.words == ['a', '--gpus', '2', '--gp', '7', '--cfg-options', 'x=1']
    with pytest.raises(SystemExit):
        parse(command, ['--help'])
    assert 'All other options go to mmdfer train.' in capsys.readouterr().out


@pytest.mark.parametrize('words', [
    ['--cfg-options', 'a=1', 'b.c=[1,2,3]', 'd=(x,y)'], ['--cfg-options', 'a=1', '--cfg-options', 'b=2', 'a=3'],
    ['--cfg-options', 'e=True', 'f=None', 'g="[(1,2),(3,4)]"', 'h=a=b'], []])
def test_config_options_are_mmengines(words):
    ours, theirs = argparse.ArgumentParser(), argparse.ArgumentParser()
    options.add_config_options(ours)
    theirs.add_argument('--cfg-options', nargs='+', action=DictAction)
    assert ours.parse_args(words) == theirs.parse_args(words)


def test_a_config_option_without_a_value(capsys):
    parser = argparse.ArgumentParser()
    options.add_config_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', 'a=1', 'seed'])
    assert '--cfg-options seed: expected key=value' in capsys.readouterr().err


@pytest.mark.parametrize('words, message', [
    (['faces', 'dfwe', 'x'], "did you mean 'dfew'"), (['captions', 'mafv', 'x', '--model', 'm'], "did you mean 'mafw'"),
    (['captions', 'dfew', 'x'], 'by --model'),
    (['captions', 'dfew', 'x', '--source', 'mafw'], 'the lists of DFEW hold none'),
    (['captions', 'dfew', 'x', '--model', 'm', '--batch-size', '0'], '--batch-size 0: give 1 or more'),
    (['refine', 'x', '--set', 'dfew1', 'y'], "did you mean 'dfew'"),
    (['convert', 'release', 'longclp', 'x', 'y.safetensors'], "did you mean 'longclip'"),
    (['summarize', 'x', '--sort', 'uarr'], "did you mean 'uar'"),
    (['benchmark', 'train-step', '--rows', 'AIN'], "'AIM'")])
def test_misspelt_names(words, message, capsys, monkeypatch):
    monkeypatch.delenv('MMDFER_TRACEBACK', raising=False)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith('error: ') and message in said
