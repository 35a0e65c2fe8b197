"""DFER data sets and static FER sets."""
from .affectnet import AffectNet7Dataset, AffectNetDataset
from .dfer_dataset import DFERDataset
from .dfew import DFEWDataset
from .errors import BadClipError, DatasetError
from .fer_dataset import StaticFERDataset
from .ferplus import FERPlusDataset
from .ferv39k import FERV39kDataset
from .listed_dataset import ListedDataset
from .mafw import MAFWCompoundDataset, MAFWDataset
from .packed import Pack, PackError
from .rafdb import RAFDBDataset
from .sampler import BalancedSampler
from .transforms import *  # noqa: F401,F403
from .video_folder import VideoFolderDataset
from .video_reader import VideoReader

__all__ = [
    'AffectNet7Dataset', 'AffectNetDataset', 'BadClipError', 'BalancedSampler', 'DFERDataset', 'DFEWDataset',
    'DatasetError', 'FERPlusDataset', 'FERV39kDataset', 'ListedDataset', 'MAFWCompoundDataset', 'MAFWDataset', 'Pack',
    'PackError', 'RAFDBDataset', 'StaticFERDataset', 'VideoFolderDataset', 'VideoReader'
]
