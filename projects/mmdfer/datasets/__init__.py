"""DFER data sets and static FER sets."""
from .dfer_dataset import DFERDataset
from .dfew import DFEWDataset
from .errors import BadClipError, DatasetError
from .rafdb import RAFDBDataset
from .transforms import *  # noqa: F401,F403

__all__ = ['BadClipError', 'DFERDataset', 'DFEWDataset', 'DatasetError', 'RAFDBDataset']
