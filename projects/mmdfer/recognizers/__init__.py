"""Recognizers in which texts and frames meet."""
from .finecliper import FineCLIPER
from .modalities import CaptionModality, MapModality, Modality, VideoModality
from .video_text_recognizer import VideoTextRecognizer

__all__ = ['CaptionModality', 'FineCLIPER', 'MapModality', 'Modality', 'VideoModality', 'VideoTextRecognizer']
