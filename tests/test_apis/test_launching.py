"""How a command's processes are started: command lines, who does the work itself, and a run by a stand-in of srun."""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmdfer
from mmdfer.apis.launching import (
    Launch,
    add_launch_options,
    child_environment,
    free_port,
    is_first_process,
    is_one_of_several,
    launch,
    without_launch_options,
)

from ..commands import command as in_process, shell_command
from ..conftest import ROOT, write_dfew

VARIABLES = ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT', 'RANK', 'SLURM_PROCID', 'SLURM_JOB_ID', 'SLURM_STEP_ID')


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No launcher and no Slurm around the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def arguments(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    parser.add_argument('--seed', type=int)
    parser.add_argument('--cfg-options', nargs='+')
    add_launch_options(parser)
    args = parser.parse_args(words)
    args.words = list(words)
    return args


def options_of(command, end):
    """The options before a word, as a dict, and what follows."""
    place = command.index(end)
    return dict(zip(command[:place:2], command[1:place:2])), command[place:]


WORDS = ('a.py', '--gpus', '3', '--seed', '7', '--srun-args=-x y', '--cfg-options', 'a=1', 'b=--gpus',
         '--launcher=slurm')


def test_launch_options_are_taken_out_of_a_command_wherever_they_stand():
    assert without_launch_options(WORDS) == ['a.py', '--seed', '7', '--cfg-options', 'a=1', 'b=--gpus']
    assert without_launch_options(['--srun=-x', 'a.py', '--part', 'p']) == ['a.py']         # as argparse shortens them


def test_one_process_is_the_command_itself():
    assert Launch().command('train', ['a.py']) == [sys.executable, '-u', '-m', 'mmdfer', 'train', 'a.py']
    assert Launch(gpus=1).command('test', []) == [sys.executable, '-u', '-m', 'mmdfer', 'test']
    assert launch('train', arguments('a.py', '--gpus', '1')) is None


def test_several_processes_here_have_a_port_of_their_own():
    words = ['a.py', '--cfg-options', 'a=1']
    first, second = (Launch(gpus=3).command('train', words) for _ in range(2))
    options, rest = options_of(first[3:], '-m')
    assert first[:3] == [sys.executable, '-m', 'torch.distributed.run']
    assert options == {'--nnodes': '1', '--node_rank': '0', '--nproc_per_node': '3', '--master_addr': '127.0.0.1',
                       '--master_port': options['--master_port']}
    assert rest == ['-m', 'mmdfer', 'train', *words, '--launcher', 'pytorch']
    assert options_of(second[3:], '-m')[0]['--master_port'] != options['--master_port']


def test_several_machines_are_told_by_the_environment(monkeypatch):
    for name, value in dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.1').items():
        monkeypatch.setenv(name, value)
    options, _ = options_of(Launch(gpus=8).command('train', [])[3:], '-m')
    assert options == {'--nnodes': '2', '--node_rank': '1', '--nproc_per_node': '8', '--master_addr': '10.0.0.1',
                       '--master_port': '29500'}
    monkeypatch.setenv('PORT', '1234')
    assert options_of(Launch(gpus=8).command('train', [])[3:], '-m')[0]['--master_port'] == '1234'


@pytest.mark.parametrize('words, expected', [
    ((), {'--gres': 'gpu:8', '--ntasks': '8', '--ntasks-per-node': '8', '--cpus-per-task': '5'}),
    (('--gpus', '2'), {'--gres': 'gpu:2', '--ntasks': '2', '--ntasks-per-node': '2', '--cpus-per-task': '5'}),
    (('--gpus', '16', '--gpus-per-node', '4', '--cpus-per-task', '7', '--partition', 'p', '--job-name', 'my job'),
     {'--gres': 'gpu:4', '--ntasks': '16', '--ntasks-per-node': '4', '--cpus-per-task': '7', '--partition': 'p',
      '--job-name': 'my job'}),
    (('--gpus', '2', '--gpus-per-node', '0'), {'--ntasks': '2', '--cpus-per-task': '5'})])
def test_slurm_is_asked_for_the_machines(words, expected):
    made = Launch.from_args(arguments('a.py', '--launcher', 'slurm', *words)).command('train', ['a.py'])
    options, rest = options_of(made[1:], sys.executable)
    assert made[0] == 'srun' and options == {'--job-name': 'mmdfer-train', '--kill-on-bad-exit': '1', **expected}
    assert rest == [sys.executable, '-u', '-m', 'mmdfer', 'train', 'a.py', '--launcher', 'slurm']


def test_further_arguments_of_srun_are_split_as_a_shell_does():
    made = Launch(launcher='slurm', srun_args="--time 8:00:00 --comment 'two words'").command('train', [])
    assert made[made.index('--time'):made.index(sys.executable)] == ['--time', '8:00:00', '--comment', 'two words']


@pytest.mark.parametrize('launcher, variables, expected', [
    ('none', dict(RANK='0'), False), ('pytorch', {}, False), ('pytorch', dict(RANK='1'), True),
    ('slurm', {}, False), ('slurm', dict(SLURM_PROCID='3'), True),
    ('slurm', dict(SLURM_PROCID='3', SLURM_JOB_ID='7', SLURM_STEP_ID='0'), True),
    ('slurm', dict(SLURM_PROCID='0', SLURM_JOB_ID='7'), False)])                    # the script of a job
def test_a_task_of_a_launcher_does_the_work_itself(launcher, variables, expected, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_one_of_several(launcher) is expected
    if expected:
        assert launch('train', arguments('a.py', '--launcher', launcher, '--gpus', '4')) is None


def test_the_first_process_is_known_before_the_others(monkeypatch):
    assert is_first_process(dict(launcher='none')) and is_first_process(dict(launcher='pytorch'))
    monkeypatch.setenv('SLURM_PROCID', '2')
    assert is_first_process(dict(launcher='pytorch')) and not is_first_process(dict(launcher='slurm'))


@pytest.mark.parametrize('words, message', [
    (['--gpus', '0'], '--gpus 0: expected at least 1'), (['--partition', 'p'], '--partition: is for Slurm'),
    (['--launcher', 'slurm', '--gpus-per-node', '-1'], '--gpus-per-node -1: expected at least 0'),
    (['--launcher', 'slurm'], '--launcher slurm: there is no srun here')])
def test_what_cannot_be_started_is_told(words, message, monkeypatch):
    monkeypatch.setattr('shutil.which', lambda name: None)
    with pytest.raises(ValueError, match=message):
        launch('train', arguments('a.py', *words))


def test_more_gpus_than_are_here_are_refused(monkeypatch):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    with pytest.raises(ValueError, match='--gpus 3: 2 are here'):
        launch('train', arguments('a.py', '--gpus', '3'))


def test_processes_find_the_package_of_a_checkout(tmp_path):
    environment = child_environment({key: value for key, value in os.environ.items() if key != 'PYTHONPATH'})
    found = subprocess.run([sys.executable, '-c', 'import mmdfer; print(mmdfer.__file__)'], cwd=tmp_path,
                           env=environment, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == Path(mmdfer.__file__)
    assert child_environment(environment) == environment


# Plays srun: starts the command as often as --ntasks says, with what Slurm tells its tasks. The libraries are in a copy
# of the tests' process already; that the command line itself starts, its help shows.
SRUN = '''#!{python} -S
import json, os, pathlib, subprocess, sys
words = sys.argv[1:]
count = int(words[words.index('--ntasks') + 1])
command = words[words.index(sys.executable):]
pathlib.Path({folder!r}, 'asked.json').write_text(json.dumps(words))
assert subprocess.run([*command[:4], 'test', '--help'], stdout=subprocess.DEVNULL).returncode == 0
tasks = [subprocess.Popen([{program!r}, *command[4:]], env=dict(
         os.environ, SLURM_PROCID=str(rank), SLURM_LOCALID=str(rank), SLURM_JOB_ID='1', SLURM_STEP_ID='0',
         SLURM_NTASKS=str(count), SLURM_NODELIST='n1', MASTER_ADDR='127.0.0.1', MASTER_PORT='{port}'))
         for rank in range(count)]
sys.exit(max(task.wait() for task in tasks))
'''


@pytest.mark.slow
def test_tasks_of_srun_give_the_figures_of_one(tmp_path):
    """A command line from another folder than the checkout: two tasks of srun without CUDA."""
    data = write_dfew(tmp_path / 'DFEW', train=8, test=9, size=48, folds=(1, ))
    (tmp_path / 'srun').write_text(SRUN.format(python=sys.executable, folder=str(tmp_path),
                                               program=str(tmp_path / 'mmdfer'), port=free_port()))
    (tmp_path / 'srun').chmod(0o755)
    environment = dict(child_environment(), OMP_NUM_THREADS='1', PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}')
    small = ['model.backbone.init_cfg=None', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
             *(f'{loader}_dataloader.{entry}' for loader in ('train', 'val', 'test') for entry in (
                 'num_workers=0', 'persistent_workers=False', 'batch_size=4'))]

    def run(command, out, *words):
        done = subprocess.run(
            [sys.executable, '-m', 'mmdfer', command, str(ROOT / 'configs/demo/fe_adapter.py'), *words, '--data-root',
             str(data), '--work-dir', str(tmp_path / out), '--cfg-options', *small], cwd=tmp_path, env=environment,
            capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]

    def figures(file):
        found = json.loads((tmp_path / file).read_text())
        return found['uar'], found['war']

    config = ROOT / 'configs/demo/fe_adapter.py'
    done = in_process('train', config, '--data-root', data, '--work-dir', tmp_path / 'run', '--no-report',
                      '--cfg-options', *small)
    assert done.returncode == 0, done.stderr
    best = str(tmp_path / 'run/best.pth')
    done = in_process('test', config, best, '--data-root', data, '--work-dir',
                      tmp_path / 'one', '--cfg-options', *small)
    assert done.returncode == 0, done.stderr
    with shell_command(tmp_path):
        run('test', 'slurm', best, '--launcher', 'slurm', '--gpus', '2', '--partition', 'p')
    assert figures('one/test/metrics.json') == figures('slurm/test/metrics.json') == figures('run/result.json')
    asked = json.loads((tmp_path / 'asked.json').read_text())
    assert asked[:4] == ['--partition', 'p', '--job-name', 'mmdfer-test']
