"""The name that :mod:`mmdfer.run_config` had before; what is written for it goes on working."""
from ..run_config import *  # noqa: F401,F403
from ..run_config import load_config  # noqa: F401
