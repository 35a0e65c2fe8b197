"""Metrics of dynamic facial expression recognition, a fold at a time and over the folds."""
from .figures import confusion_matrix, per_class_recall, uar_war
from .fold_summary import fold_row, shared_clips, summarize
from .predictions import Predictions, load_predictions, save_predictions

__all__ = [
    'Predictions', 'RecallMetric', 'confusion_matrix', 'fold_row', 'load_predictions', 'per_class_recall',
    'save_predictions', 'shared_clips', 'summarize', 'uar_war'
]


def __getattr__(name: str):
    """``RecallMetric`` when it is first asked for: it needs torch and mmengine, and tables of finished runs do not."""
    if name == 'RecallMetric':
        from .recall_metric import RecallMetric
        return RecallMetric
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
