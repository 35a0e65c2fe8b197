"""A synthetic set for dynamic facial expression recognition, driven by facial action units.

Real sets may not be passed on; this one can be made anywhere in a minute. Parametric faces of random subjects act out
the seven classes, and surprise and fear differ by the direction of time alone.
"""
from .action_units import ACTION_UNITS, AU_INDEX, CLASSES
from .class_folders import write_class_folders
from .drawing import draw_clip, draw_sitting
from .performance import COLUMNS, Performance, sample_performance
from .plan import Options
from .writer import make_dataset

__all__ = ['ACTION_UNITS', 'AU_INDEX', 'CLASSES', 'COLUMNS', 'Options', 'Performance', 'draw_clip',
           'draw_sitting', 'make_dataset', 'sample_performance', 'write_class_folders']
