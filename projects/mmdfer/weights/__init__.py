"""Weight files: safe reading, foreign formats brought to the key names used here, and the tunable part alone."""
from .added import is_added
from .classes import class_axes, classes_of_file, fit_classes
from .clip import load_clip_text, text_sizes, to_clip
from .clip_files import read_with_config
from .loading import LoadReport, TowerFile, describe_dropped
from .reading import TRUST_VARIABLE, CheckpointError, find_state_dict, read_checkpoint
from .tunable import bare_name, frozen_digest, is_tunable_file, load_weights, save_tunable, tunable_names
from .vit import load_vit, to_mmpretrain

__all__ = [
    'TRUST_VARIABLE', 'CheckpointError', 'LoadReport', 'TowerFile', 'bare_name', 'class_axes', 'classes_of_file',
    'describe_dropped', 'find_state_dict', 'fit_classes', 'frozen_digest', 'is_added', 'is_tunable_file', 'load_clip_text', 'load_vit', 'load_weights', 'read_checkpoint',
    'read_with_config', 'save_tunable', 'text_sizes', 'to_clip', 'to_mmpretrain', 'tunable_names'
]
