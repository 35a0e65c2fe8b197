"""CLIP's text side: tokens and the tower that encodes them."""
from .clip_text import CLIPTextEncoder
from .tokenizer import tokenize

__all__ = ['CLIPTextEncoder', 'tokenize']
