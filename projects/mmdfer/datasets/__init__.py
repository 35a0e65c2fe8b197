"""DFER data sets and static FER sets."""
from .affectnet import AffectNet7Dataset, AffectNetDataset
from .dfer_dataset import DFERDataset
from .dfew import DFEWDataset
from .errors import BadClipError, DatasetError
from .fer_dataset import StaticFERDataset
from .ferplus import FERPlusDataset
from .rafdb import RAFDBDataset
from .sampler import BalancedSampler, class_counts
from .transforms import *  # noqa: F401,F403

__all__ = [
    'AffectNet7Dataset', 'AffectNetDataset', 'BadClipError', 'BalancedSampler', 'DFERDataset', 'DFEWDataset',
    'DatasetError', 'FERPlusDataset', 'RAFDBDataset', 'StaticFERDataset', 'class_counts'
]
