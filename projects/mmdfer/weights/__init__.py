"""Weight files: safe reading, foreign formats brought to the key names used here, and the tunable part alone."""
from .added import added, is_added
from .classes import class_axes, classes_of_file, fit_classes
from .clip import load_clip_text, text_sizes, to_clip
from .clip_files import read_with_config
from .errors import CheckpointError
from .loading import LoadReport, TowerFile, describe_dropped
from .mmengine_loaders import load_from_local
from .old_names import rename_in_place, with_current_names
from .places import adapter_places
from .reading import TRUST_VARIABLE, read_checkpoint, read_metadata
from .resuming import check_resumable
from .states import EMA_VARIABLE, find_state_dict
from .tunable import bare_name, frozen_digest, is_tunable_file, load_weights, save_tunable, tunable_names
from .video_resnet import load_video_resnet
from .vit import load_vit, to_mmpretrain

__all__ = [
    'EMA_VARIABLE', 'TRUST_VARIABLE', 'CheckpointError', 'LoadReport', 'TowerFile', 'adapter_places', 'added',
    'bare_name', 'check_resumable', 'class_axes', 'classes_of_file', 'describe_dropped', 'find_state_dict',
    'fit_classes', 'frozen_digest', 'is_added', 'is_tunable_file', 'load_clip_text', 'load_from_local',
    'load_video_resnet', 'load_vit', 'load_weights', 'read_checkpoint', 'read_metadata', 'read_with_config',
    'rename_in_place', 'save_tunable', 'text_sizes', 'to_clip', 'to_mmpretrain', 'tunable_names', 'with_current_names'
]
