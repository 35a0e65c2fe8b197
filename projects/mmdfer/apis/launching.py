"""How the processes of a command are started: one, several on this machine or on several, or by Slurm.

Whatever the way, each process is ``python -m mmdfer COMMAND ...``, so that it works from any folder and from an
installed package. ``--gpus N`` starts N processes by ``torch.distributed.run``, on a GPU each, or without CUDA on the
CPU; with several machines the environment says so, the same way on each: ``NNODES``, ``NODE_RANK``, ``MASTER_ADDR``,
``PORT``. ``--launcher slurm`` asks ``srun`` for the machines; in a task of ``srun`` it joins the other tasks.
"""
from __future__ import annotations

import argparse
import os
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config

PROGRAM = ('-m', 'mmdfer')
"""What an interpreter is told to run."""
SLURM_GPUS = 8
RANKS = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')


def add_launch_options(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that run in one process or in many."""
    group = parser.add_argument_group('processes')
    group.add_argument('--gpus', type=int, help='processes, on a GPU each where there are GPUs [1; by Slurm 8]')
    group.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none',
                       help='who starts them; --gpus alone starts them here, slurm asks srun')
    group.add_argument('--partition', help='of Slurm')
    group.add_argument('--job-name', help="of Slurm [the command's name]")
    group.add_argument('--gpus-per-node', type=int, help='of Slurm [8, or --gpus if fewer]')
    group.add_argument('--cpus-per-task', type=int, help='of Slurm [5]')
    group.add_argument('--srun-args', metavar='ARGS', help="further arguments of srun, as --srun-args='--time 8:00:00'")
    group.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


@dataclass(frozen=True)
class Launch:
    """By whom and in how many processes a command is run; see :func:`add_launch_options`."""
    gpus: int | None = None
    launcher: str = 'none'
    partition: str | None = None
    job_name: str | None = None
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    srun_args: str | None = None

    @classmethod
    def from_args(cls, args: argparse.Namespace) -> Launch:
        """What the options say.

        Raises:
            ValueError: for options that do not go together, or numbers below what makes sense.
        """
        launch = cls(**{field.name: getattr(args, field.name) for field in fields(cls)})
        for name, least in (('gpus', 1), ('gpus_per_node', 0), ('cpus_per_task', 1)):
            value = getattr(launch, name)
            if value is not None and value < least:
                raise ValueError(f'{_option(name)} {value}: expected at least {least}')
        of_slurm = [field.name for field in fields(cls)[2:] if getattr(launch, field.name) is not None]
        if of_slurm and launch.launcher != 'slurm':
            raise ValueError(f'{_option(of_slurm[0])}: is for Slurm; add --launcher slurm')
        return launch

    @property
    def by_slurm(self) -> bool:
        """Whether ``srun`` starts the processes."""
        return self.launcher == 'slurm'

    @property
    def processes(self) -> int:
        """How many are started on this machine; with ``--launcher pytorch`` alone, one for each GPU."""
        if self.gpus is not None or self.launcher != 'pytorch':
            return self.gpus or 1
        import torch
        return max(torch.cuda.device_count(), 1)

    @property
    def launcher_of_processes(self) -> str:
        """The ``--launcher`` that each process is given."""
        return self.launcher if self.launcher != 'none' else 'none' if self.processes == 1 else 'pytorch'

    def command(self, name: str, words: Sequence[str]) -> list[str]:
        """The command line that runs a command of ``mmdfer`` in these processes.

        Args:
            name: the command.
            words: its arguments, without those of :func:`add_launch_options`.
        """
        if self.by_slurm:
            return [*self._srun(name), sys.executable, '-u', *PROGRAM, name, *words, '--launcher', 'slurm']
        if self.launcher_of_processes == 'none':
            return [sys.executable, '-u', *PROGRAM, name, *words]
        machines = os.environ.get('NNODES', '1')
        port = os.environ.get('PORT') or ('29500' if machines != '1' else str(free_port()))
        return [sys.executable, '-m', 'torch.distributed.run', '--nnodes', machines,
                '--node_rank', os.environ.get('NODE_RANK', '0'), '--nproc_per_node', str(self.processes),
                '--master_addr', os.environ.get('MASTER_ADDR', '127.0.0.1'), '--master_port', port,
                *PROGRAM, name, *words, '--launcher', 'pytorch']

    def _srun(self, name: str) -> list[str]:
        gpus = SLURM_GPUS if self.gpus is None else self.gpus
        per_node = min(gpus, 8) if self.gpus_per_node is None else self.gpus_per_node
        options = {'--partition': self.partition, '--job-name': self.job_name or f'mmdfer-{name}',
                   '--gres': f'gpu:{per_node}' if per_node else None, '--ntasks': gpus,
                   '--ntasks-per-node': per_node or None,
                   '--cpus-per-task': self.cpus_per_task or 5, '--kill-on-bad-exit': 1}
        given = [word for option, value in options.items() if value is not None for word in (option, str(value))]
        return ['srun', *given, *shlex.split(self.srun_args or '')]


ALONE = Launch()
"""One process, here."""


def launch(name: str, args: argparse.Namespace) -> int | None:
    """Run a command in the processes that its arguments ask for.

    Args:
        name: the command.
        args: its arguments, with all of its words as ``words``.

    Returns:
        The exit status of those processes; ``None`` where this process is to do the work itself, as the only one or as
        one of several. On POSIX systems the launcher takes the place of this process.

    Raises:
        ValueError: for more GPUs than are here, or where ``srun`` is not.
    """
    asked = Launch.from_args(args)
    if is_one_of_several(asked.launcher) or asked.launcher_of_processes == 'none':
        return None
    check_machine(asked)
    command, environment = asked.command(name, without_launch_options(args.words)), child_environment()
    if os.name != 'posix':
        return subprocess.call(command, env=environment)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], command, environment)


def is_one_of_several(launcher: str) -> bool:
    """Whether a launcher has started this process: its rank is in the environment.

    The script of a Slurm job has a rank too, and no step: it is not a task of ``srun``.
    """
    if launcher == 'slurm' and 'SLURM_JOB_ID' in os.environ and 'SLURM_STEP_ID' not in os.environ:
        return False
    return RANKS.get(launcher, '') in os.environ


def check_machine(asked: Launch) -> None:
    """Refuse what this machine cannot start.

    Raises:
        ValueError: for more GPUs than are here, or where ``srun`` is not.
    """
    if asked.by_slurm:
        if shutil.which('srun') is None:
            raise ValueError('--launcher slurm: there is no srun here; start the command where Slurm is')
        return
    import torch
    here = torch.cuda.device_count()
    if 0 < here < asked.processes:
        raise ValueError(f'--gpus {asked.processes}: {here} are here; give at most so many')


def without_launch_options(words: Sequence[str]) -> list[str]:
    """A command's words without those of :func:`add_launch_options`."""
    parser = argparse.ArgumentParser(add_help=False)
    add_launch_options(parser)
    return parser.parse_known_args(words)[1]


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which ``python -m mmdfer`` finds this very package, also in a checkout that is not installed.

    Args:
        environment: to start from. Defaults to this process's.
    """
    environment = os.environ if environment is None else environment
    place = str(Path(__file__).resolve().parents[2])
    if place in {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}:
        return dict(environment)
    known = environment.get('PYTHONPATH', '')
    if place in known.split(os.pathsep):
        return dict(environment)
    return dict(environment, PYTHONPATH=os.pathsep.join(filter(None, (place, known))))


def is_first_process(cfg: Config) -> bool:
    """Whether this process is the main one of a run whose processes may not know each other yet."""
    from mmengine.dist import is_distributed, is_main_process
    if is_distributed():
        return is_main_process()
    return int(os.environ.get(RANKS.get(cfg.get('launcher', 'none'), ''), 0)) == 0


def join_processes(cfg: Config) -> None:
    """Let the processes of a run know each other where mmengine cannot: on machines without CUDA.

    Tasks of ``srun`` become processes as ``torch.distributed.run`` starts them. ``cfg`` is changed in place.
    """
    import torch

    from .. import compat
    if cfg.get('launcher', 'none') == 'slurm' and not torch.cuda.is_available():
        os.environ.update(RANK=os.environ['SLURM_PROCID'], WORLD_SIZE=os.environ['SLURM_NTASKS'],
                          LOCAL_RANK=os.environ.get('SLURM_LOCALID', '0'))
        os.environ.setdefault('MASTER_PORT', '29500')
        if 'MASTER_ADDR' not in os.environ:
            nodes = os.environ['SLURM_NODELIST']
            os.environ['MASTER_ADDR'] = subprocess.getoutput(f'scontrol show hostname {shlex.quote(nodes)} | head -n1')
        cfg.launcher = 'pytorch'
    if cfg.get('launcher', 'none') == 'pytorch':
        compat.prepare_distributed_on_cpu(cfg)


def _option(name: str) -> str:
    return f'--{name.replace("_", "-")}'


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]
