"""DFER data sets and static FER sets."""
from ..registry import class_names, declared_sets, find_set
from .afew import AFEWDataset
from .affectnet import AffectNet7Dataset, AffectNetDataset
from .clips import Clip
from .counting import class_counts, labels_of
from .declaration import DeclaredSet, Setup
from .dfer_dataset import DFERDataset
from .dfew import DemoDataset, DFEWDataset
from .errors import BadClipError, DatasetError
from .face_folder import FaceFolderDataset
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
    'AFEWDataset', 'AffectNet7Dataset', 'AffectNetDataset', 'BadClipError', 'BalancedSampler', 'Clip',
    'DFERDataset', 'DFEWDataset', 'DatasetError', 'DeclaredSet', 'DemoDataset', 'FERPlusDataset', 'FERV39kDataset',
    'FaceFolderDataset', 'ListedDataset', 'MAFWCompoundDataset', 'MAFWDataset', 'Pack', 'PackError', 'RAFDBDataset',
    'Setup', 'StaticFERDataset', 'VideoFolderDataset', 'VideoReader', 'class_counts', 'class_names',
    'declared_sets', 'find_set', 'labels_of'
]
