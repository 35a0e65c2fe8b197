"""CLIP's text side: class texts, prompts, tokens, and the tower that encodes them."""
from .class_texts import class_texts
from .clip_text import CLIPTextEncoder
from .prompts import FixedPrompts, PromptLearner, Prompts
from .tokenizer import tokenize

__all__ = ['CLIPTextEncoder', 'FixedPrompts', 'PromptLearner', 'Prompts', 'class_texts', 'tokenize']
