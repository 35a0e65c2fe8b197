"""The shell scripts hand on what they are given: to srun, and to torch.distributed.run."""
import os
import subprocess

import pytest

from ..conftest import ROOT

RECORDER = '#!/usr/bin/env bash\nprintf "%s\\n" "$(basename "$0")" "$@"\n'
VARIABLES = ('GPUS', 'GPUS_PER_NODE', 'CPUS_PER_TASK', 'SRUN_ARGS', 'NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT',
             'PYTHON')


@pytest.fixture
def run(tmp_path):
    """Run a script with an ``srun`` and a ``python`` that print their name and arguments, one a line."""
    for name in ('srun', 'python', 'python-of-mine'):
        (tmp_path / name).write_text(RECORDER)
        (tmp_path / name).chmod(0o755)

    def run(script, *args, **variables):
        environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
        environment.update(PATH=f'{tmp_path}{os.pathsep}{environment["PATH"]}', **variables)
        return subprocess.run(['bash', f'tools/{script}', *args], cwd=ROOT, env=environment, capture_output=True,
                              text=True)
    return run


def arguments(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def options_of(found):
    """The options before the command, as a dict, and the command."""
    end = next(index for index, word in enumerate(found) if word.startswith('python'))
    return dict(zip(found[1:end:2], found[2:end:2])), found[end:]


TRAIN = ['python', '-u', 'tools/train.py', 'configs/a.py', '--launcher', 'slurm']
TEST = ['python', '-u', 'tools/test.py', 'configs/a.py', 'best.pth', '--launcher', 'slurm']


@pytest.mark.parametrize('script, args, command', [
    ('slurm_train.sh', ('configs/a.py', ), TRAIN), ('slurm_test.sh', ('configs/a.py', 'best.pth'), TEST)])
def test_slurm_scripts_ask_for_the_machines_and_start_the_tool(run, script, args, command):
    found = arguments(run(script, 'gpu', 'my job', *args, '--cfg-options', 'a=1 2'))
    assert found[0] == 'srun'
    options, started = options_of(found)
    assert options == {'--partition': 'gpu', '--job-name': 'my job', '--gres': 'gpu:8', '--ntasks': '8',
                       '--ntasks-per-node': '8', '--cpus-per-task': '5', '--kill-on-bad-exit': '1'}
    assert started == [*command, '--cfg-options', 'a=1 2']


@pytest.mark.parametrize('script, args', [('slurm_train.sh', ('a.py', )), ('slurm_test.sh', ('a.py', 'best.pth'))])
@pytest.mark.parametrize('variables, expected', [
    (dict(GPUS='16', GPUS_PER_NODE='4', CPUS_PER_TASK='7'),
     {'--gres': 'gpu:4', '--ntasks': '16', '--ntasks-per-node': '4', '--cpus-per-task': '7'}),
    (dict(GPUS='2'), {'--gres': 'gpu:2', '--ntasks': '2', '--ntasks-per-node': '2'}),
    (dict(SRUN_ARGS='--time 8:00:00 --exclude node7'), {'--time': '8:00:00', '--exclude': 'node7'}),
])
def test_slurm_scripts_follow_the_environment(run, script, args, variables, expected):
    options, started = options_of(arguments(run(script, 'gpu', 'job', *args, PYTHON='python-of-mine', **variables)))
    assert expected.items() <= options.items()
    assert started[0] == 'python-of-mine'


RUN = ['python', '-m', 'torch.distributed.run']


def test_one_machine(run):
    found = arguments(run('dist_train.sh', 'configs/a.py', '3', '--amp', '--cfg-options', 'a=1 2'))
    assert found == [*RUN, '--nnodes', '1', '--node_rank', '0', '--nproc_per_node', '3', '--master_addr', '127.0.0.1',
                     '--master_port', '29500', 'tools/train.py', 'configs/a.py', '--launcher', 'pytorch', '--amp',
                     '--cfg-options', 'a=1 2']


@pytest.mark.parametrize('script, args', [
    ('dist_train.sh', ('configs/a.py', '8')), ('dist_test.sh', ('configs/a.py', 'best.pth', '8'))])
def test_several_machines(run, script, args):
    found = arguments(run(script, *args, NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.1', PORT='1234'))
    tool = script.replace('dist_', '').replace('.sh', '.py')
    assert found == [*RUN, '--nnodes', '2', '--node_rank', '1', '--nproc_per_node', '8', '--master_addr', '10.0.0.1',
                     '--master_port', '1234', f'tools/{tool}', *args[:-1], '--launcher', 'pytorch']


@pytest.mark.parametrize('script, args, message', [
    ('slurm_train.sh', (), 'a partition is missing'), ('slurm_train.sh', ('gpu', ), 'a name for the job is missing'),
    ('slurm_train.sh', ('gpu', 'job'), 'a config file is missing'),
    ('slurm_test.sh', ('gpu', 'job', 'a.py'), 'a checkpoint is missing'),
    ('dist_train.sh', ('a.py', ), 'the number of processes is missing'),
    ('dist_test.sh', ('a.py', ), 'a checkpoint is missing'),
])
def test_what_is_missing_is_said(run, script, args, message):
    done = run(script, *args)
    assert done.returncode != 0 and message in done.stderr and not done.stdout
