"""The guide to reproducing a paper: its commands are those of the program, and the cheap ones run."""
from __future__ import annotations

import re
import shlex

import pytest

from mmdfer.apis.cli import command_module, parse
from mmdfer.apis.commands import reproduce
from mmdfer.runs.published import find_table

from ..commands import command
from .test_guides import GUIDES, blocks

GUIDE = 'reproducing_a_paper.md'
SCRIPT = '\n'.join(body for language, body in blocks(GUIDE) if language == 'bash').replace('\\\n', ' ')
LINES = [shlex.split(line, comments=True)[2:] for line in SCRIPT.splitlines() if line.strip()]


def test_the_code_of_the_guide_runs():
    for language, text in blocks(GUIDE):
        if language == 'python':
            exec(compile(text, GUIDE, 'exec'), {})


@pytest.mark.parametrize('words', LINES, ids=' '.join)
def test_a_command_of_the_guide_is_one_of_the_program(words):
    args = parse(command_module('reproduce'), words, 'mmdfer reproduce')
    assert not args.rest, 'no option of another command'
    if args.what and args.what.startswith('table'):
        assert find_table(args.paper, args.what)


def test_those_that_need_nothing_run(tmp_path):
    cheap = [words for words in LINES if {'--list', '--quote', '--dry-run'} & set(words)]
    assert len(cheap) == 3
    for words in cheap:
        done = command('reproduce', *words, cwd=tmp_path)
        assert done.returncode == 0 and done.stdout, done.stderr
    assert not list(tmp_path.iterdir())


def test_every_option_that_is_told_is_there():
    text = re.sub(r'```.*?```', '', (GUIDES / GUIDE).read_text(encoding='utf-8'), flags=re.S)
    known = parse(reproduce, ['--list'], None)
    for option in set(re.findall(r'`(--[a-z-]+)', text)) - {'--amp'}:
        name = option.removeprefix('--').replace('-', '_')
        assert name == 'image_checkpoint' or hasattr(known, name), option
