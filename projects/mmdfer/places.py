"""Where the project's own files lie: in a checkout, or in the installed package."""
from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def configs_folder() -> Path:
    """The folder of the configs: the checkout's, else the one that the package was installed with.

    Raises:
        FileNotFoundError: for a package without configs.
    """
    for folder in (PACKAGE.parents[1] / 'configs', PACKAGE / '.mim' / 'configs'):
        if (folder / '_base_').is_dir():
            return folder
    raise FileNotFoundError(f'{PACKAGE}: mmdfer is here without its configs; install it again: pip install --force-reinstall')
