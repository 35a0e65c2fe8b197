"""The class texts in a run's config, from a file of one's own."""
from __future__ import annotations

import os
from typing import Any

from mmengine.config import Config


def set_class_texts(cfg: Config, path: str | None) -> None:
    """Tell a model's classes by the texts of a file, each as it stands, such as descriptions that others wrote.

    Args:
        cfg: a run's config, as :func:`mmdfer.run_config.load_config` gives it.
        path: YAML or JSON that maps each class to a text, or to several (:class:`mmdfer.text.sources.OwnFile`).

    Raises:
        ValueError: for a file that is none or lacks a class, or a head without class texts, or with negative ones too.
    """
    if path is None:
        return
    from .text import class_texts
    head: Any = cfg.get('model', {}).get('cls_head') or {}
    if not isinstance(head.get('texts'), dict):
        raise ValueError(f'--class-texts {path}: a head of type {head.get("type")} tells its classes by no texts')
    if head.get('negative_encoder'):
        raise ValueError(f'--class-texts {path}: the head has negative texts, which a file of whole texts does not '
                         'give; put words into its templates by --cfg-options model.cls_head.texts.file=...')
    kept = {key: head.texts[key] for key in ('classes', 'dataset') if key in head.texts}
    texts = dict(kept, file=os.path.abspath(path), templates=['{}'])
    class_texts(**texts)
    head.texts = texts
