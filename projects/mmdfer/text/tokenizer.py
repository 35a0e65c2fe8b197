"""Texts as CLIP's tokens, by open_clip's tokenizer."""
from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import Tensor


@cache
def _tokenizer():
    """From open_clip's file alone: its package imports transformers and scikit-learn, seconds of every start."""
    package = importlib.util.find_spec('open_clip')
    try:
        if package is None or not package.submodule_search_locations:
            raise ImportError('open_clip')
        file = Path(package.submodule_search_locations[0], 'tokenizer.py')
        spec = importlib.util.spec_from_file_location('mmdfer_open_clip_tokenizer', file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (ImportError, OSError):
        raise ImportError('texts need open_clip\'s tokenizer: pip install open_clip_torch') from None
    return module.SimpleTokenizer()


def tokenize(texts: str | Sequence[str], context_length: int = 77, truncate: bool = False) -> Tensor:
    """Texts as tokens: start, the text's own, end, zeros.

    Args:
        texts: one text or several, N.
        context_length: L, 77 for CLIP and 248 for Long-CLIP.
        truncate: cut a text that is too long and log it; its last token is the end's.

    Returns:
        int64 tokens (N, L).

    Raises:
        ValueError: for no text, or one over the context length unless ``truncate``.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    if not texts:
        raise ValueError('tokenize: no text given; give one or more')
    tokenizer = _tokenizer()
    tokens = torch.zeros(len(texts), context_length, dtype=torch.int64)
    for row, text in zip(tokens, texts, strict=True):
        ids = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
        if len(ids) > context_length:
            _tell_too_long(text, len(ids), context_length, truncate)
            ids = [*ids[:context_length - 1], tokenizer.eot_token_id]
        row[:len(ids)] = torch.tensor(ids)
    return tokens


def count_tokens(text: str) -> int:
    """Tokens of a text with its start and end, however many they are."""
    return len(_tokenizer().encode(text)) + 2


def _tell_too_long(text: str, length: int, context_length: int, truncate: bool) -> None:
    problem = f'the text {text[:60] + "..." if len(text) > 60 else text!r} has {length} tokens with its start and end'
    if not truncate:
        raise ValueError(f'{problem}, over the context of {context_length}: shorten it, set truncate=True to cut it, '
                         'or use Long-CLIP, whose context is 248')
    print_log(f'{problem} and was cut to {context_length}', logger='current')


def end_positions(tokens: Tensor) -> Tensor:
    """Where the end token stands, (N,), in tokens (N, L): it has the highest number of all."""
    return tokens.argmax(dim=-1)


def decode(tokens: Sequence[int]) -> str:
    """The text of tokens without start and end, in the tokenizer's lower case.

    Raises:
        ValueError: for tokens that no text gives.
    """
    tokenizer = _tokenizer()
    text = tokenizer.decode(tokens).strip()
    if tokenizer.encode(text) != list(tokens):
        raise ValueError(f'the tokens of {text!r} are not those that the tokenizer gives it, so they cannot be written '
                         'as text')
    return text
