"""Recognizers in which texts and frames meet."""
from .video_text_recognizer import VideoTextRecognizer

__all__ = ['VideoTextRecognizer']
