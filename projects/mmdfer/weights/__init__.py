"""Weight files: safe reading, foreign formats brought to the key names used here, and the tunable part alone."""
from .reading import TRUST_VARIABLE, CheckpointError, find_state_dict, read_checkpoint
from .tunable import bare_name, frozen_digest, is_tunable_file, load_weights, save_tunable, tunable_names
from .vit import LoadReport, VitFile, describe_dropped, load_vit, to_mmpretrain

__all__ = [
    'TRUST_VARIABLE', 'CheckpointError', 'LoadReport', 'VitFile', 'bare_name', 'describe_dropped',
    'find_state_dict', 'frozen_digest', 'is_tunable_file', 'load_vit', 'load_weights', 'read_checkpoint',
    'save_tunable', 'to_mmpretrain', 'tunable_names'
]
