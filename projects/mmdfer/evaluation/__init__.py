"""Metrics of dynamic facial expression recognition."""
from .recall_metric import RecallMetric, confusion_matrix, per_class_recall, uar_war

__all__ = ['RecallMetric', 'confusion_matrix', 'per_class_recall', 'uar_war']
