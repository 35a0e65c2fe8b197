"""Frozen image transformers over the frames of a clip, with adapter slots."""
from .adapter_block import SLOTS, AdapterBlock
from .adapter_vit import AdapterViT

__all__ = ['SLOTS', 'AdapterBlock', 'AdapterViT']
