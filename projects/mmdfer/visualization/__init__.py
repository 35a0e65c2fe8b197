"""Pictures of runs and predictions."""
from .class_bars import plot_class_bars
from .class_rows import plot_class_rows
from .confusion import plot_confusion_matrix
from .confusion_difference import plot_confusion_difference
from .contact_sheet import contact_sheet
from .curves import best_epoch, plot_curves
from .film_strip import film_strip
from .map_strip import map_strip, strip_sheet
from .modality_weights import plot_modality_weights
from .reliability import plot_reliability
from .similarity import plot_similarity
from .timeline import plot_timeline

__all__ = ['best_epoch', 'contact_sheet', 'film_strip', 'map_strip', 'plot_class_bars', 'plot_class_rows',
           'plot_confusion_difference', 'plot_confusion_matrix', 'plot_curves', 'plot_modality_weights',
           'plot_reliability', 'plot_similarity', 'plot_timeline', 'strip_sheet']
