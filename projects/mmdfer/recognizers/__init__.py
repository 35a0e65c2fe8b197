"""Recognizers in which texts and frames meet."""
from .finecliper import FineCLIPER
from .video_text_recognizer import VideoTextRecognizer

__all__ = ['FineCLIPER', 'VideoTextRecognizer']
