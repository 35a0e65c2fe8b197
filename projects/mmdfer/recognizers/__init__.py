"""Recognizers in which texts and frames meet, and those that add what adapters ask for to their loss."""
from .auxiliary import AdapterRecognizer3D, SumsAuxiliaryLosses
from .finecliper import FineCLIPER
from .modalities import CaptionModality, MapModality, Modality, VideoModality
from .video_and_image import VideoImageRecognizer3D
from .video_text_recognizer import VideoTextRecognizer

__all__ = [
    'AdapterRecognizer3D', 'CaptionModality', 'FineCLIPER', 'MapModality', 'Modality', 'SumsAuxiliaryLosses',
    'VideoImageRecognizer3D', 'VideoModality', 'VideoTextRecognizer'
]
