"""What heads know of their classes."""
from __future__ import annotations

FROM_DATA = ("num_classes is not set. It comes from the classes of the run's data: mmdfer.run_config.load_config(path) "
             'fills it in, and so does flow_classes(cfg) on a config that was read otherwise; a head without data '
             'needs num_classes=...')


def required_classes(num_classes: int | None, head: str) -> int:
    """The number of classes.

    Raises:
        ValueError: without one; it says where it comes from.
    """
    if num_classes is None:
        raise ValueError(f'{head}: {FROM_DATA}')
    return num_classes
