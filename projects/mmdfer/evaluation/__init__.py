"""Metrics of dynamic facial expression recognition, a fold at a time and over the folds."""
from .figures import confusion_matrix, per_class_recall, uar_war
from .fold_summary import fold_row, shared_clips, summarize
from .predictions import Predictions, load_predictions, save_predictions
from .recall_metric import RecallMetric

__all__ = [
    'Predictions', 'RecallMetric', 'confusion_matrix', 'fold_row', 'load_predictions', 'per_class_recall',
    'save_predictions', 'shared_clips', 'summarize', 'uar_war'
]
