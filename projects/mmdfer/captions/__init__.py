"""Captions of clips: their file, the model that writes them, and their refinement."""
from .caption_file import Caption, CaptionFileError, CaptionJournal, read_captions, write_captions
from .transform import LoadCaption

__all__ = ['Caption', 'CaptionFileError', 'CaptionJournal', 'LoadCaption', 'read_captions', 'write_captions']
