"""Face parsing by a SegFormer of the user's own, read by transformers from a local folder."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..registry import FACE_PARSERS
from .analysis import FaceParser
from .boxes import cut
from .regions import order_sides, region_table
from .store import MAP_EDGE

LONGEST_CROP = 512


@FACE_PARSERS.register_module()
class SegFormerParser(FaceParser):
    """A ``SegformerForSemanticSegmentation`` trained on faces, with classes as in CelebAMask-HQ or LaPa.

    Its class names are read from ``config.json`` and joined to our regions by
    :func:`~mmdfer.face.regions.region_table`; pictures are prepared as its ``preprocessor_config.json`` says,
    where there is one.

    Args:
        folder: the model's folder, with ``config.json`` and weights.
        device: of the model.
        batch_size: crops at a time.

    Raises:
        ValueError: for a folder that holds no SegFormer, or one whose classes are not regions of a face.
        ImportError: without transformers.
    """

    def __init__(self, folder: str, device: str = 'cpu', batch_size: int = 8) -> None:
        try:
            from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor
        except ImportError:
            raise ImportError('a SegFormer face parser is read by transformers, which is not there: pip install '
                              '"mmdfer[captions]"') from None
        config_file = os.path.join(folder, 'config.json')
        if not os.path.isfile(config_file):
            raise ValueError(f'{folder}: holds no config.json; give the folder of a SegFormer face parser as '
                             'transformers saves it')
        found, _ = SegformerConfig.get_config_dict(folder)
        if found.get('model_type') != 'segformer':
            raise ValueError(f'{config_file}: is a model of type {found.get("model_type")!r}; expected a SegFormer '
                             'face parser')
        config = SegformerConfig.from_pretrained(folder)
        self.table = region_table(config.id2label, folder)
        try:
            self.model, info = SegformerForSemanticSegmentation.from_pretrained(
                folder, local_files_only=True, output_loading_info=True)
        except OSError as error:
            raise ValueError(f'{folder}: its weights cannot be read ({str(error).splitlines()[0][:150]})') from None
        if info['missing_keys']:
            raise ValueError(f'{folder}: its weights lack {len(info["missing_keys"])} parts, such as '
                             f'{info["missing_keys"][0]}; give the folder of a trained parser, not of a bare backbone')
        self.model.to(device).eval()
        prepared = os.path.isfile(os.path.join(folder, 'preprocessor_config.json'))
        self.processor = SegformerImageProcessor.from_pretrained(folder) if prepared else SegformerImageProcessor()
        self.device, self.batch_size = device, batch_size
        self.name = self.backend(folder=folder)

    @classmethod
    def backend(cls, **settings: Any) -> str:
        return f'SegFormer {os.path.basename(os.path.abspath(settings["folder"]))}'

    def parse(self, frames: Iterable[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Parse a face in each frame.

        Args:
            frames: T RGB frames (H, W, 3).
            boxes: (T, 4) the parts of the frames to parse; one that is not a number is left out.

        Returns:
            (T, 224, 224) uint8 region ids.
        """
        labels = np.zeros((len(boxes), MAP_EDGE, MAP_EDGE), np.uint8)
        crops = ((index, cut(frame, boxes[index], LONGEST_CROP)[0]) for index, frame in enumerate(frames)
                 if np.isfinite(boxes[index]).all())
        for indices, batch in _batches(crops, self.batch_size):
            labels[indices] = self.table[self._classes(batch)]
        return order_sides(labels)

    @torch.inference_mode()
    def _classes(self, crops: list[np.ndarray]) -> np.ndarray:
        """The parser's own classes (N, 224, 224) of crops (H, W, 3)."""
        pixels = self.processor(crops, return_tensors='pt')['pixel_values'].to(self.device)
        logits = self.model(pixels).logits                          # (N, classes, H / 4, W / 4)
        logits = F.interpolate(logits, (MAP_EDGE, MAP_EDGE), mode='bilinear', align_corners=False)
        return logits.argmax(dim=1).cpu().numpy()


def _batches(items: Iterable, size: int) -> Iterator[tuple[list[int], list]]:
    indices, batch = [], []
    for index, item in items:
        indices.append(index)
        batch.append(item)
        if len(batch) == size:
            yield indices, batch
            indices, batch = [], []
    if batch:
        yield indices, batch
