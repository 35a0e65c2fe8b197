"""Is a copy of a data set whole? Its lists, its clips, and what is wrong with either."""
from .clips import inspect_clip, inspect_clips
from .fault import Fault
from .faults import find_faults
from .listings import Listing, read_listings

__all__ = ['Fault', 'Listing', 'find_faults', 'inspect_clip', 'inspect_clips', 'read_listings']
