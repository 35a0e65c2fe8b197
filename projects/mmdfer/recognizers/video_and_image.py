"""A recognizer of clips and of single images, one head each (S4D, TAFFC)."""
from __future__ import annotations

from torch import Tensor

from ..adapters import auxiliary_losses
from ..registry import MODELS
from .auxiliary import AdapterRecognizer3D


@MODELS.register_module()
class VideoImageRecognizer3D(AdapterRecognizer3D):
    """``AdapterRecognizer3D`` with a second head, for batches of images: clips of one frame, (B, N, 3, 1, H, W).

    Args:
        image_head: config of the images' head, such as an :class:`mmdfer.heads.ImageHead`; ``None`` for none.
        args, kwargs: ``Recognizer3D``'s.

    Raises:
        ValueError: for images without a head of theirs.
    """

    def __init__(self, *args, image_head: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.image_head = MODELS.build(image_head) if image_head else None

    def loss(self, inputs: Tensor, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """As the class does; of images that of their own head, whose classes come first in labels that were mixed."""
        if not self._are_images(inputs):
            return super().loss(inputs, data_samples, **kwargs)
        for sample in data_samples:
            if sample.gt_label.numel() > 1:
                sample.set_gt_label(sample.gt_label[:self.image_head.num_classes])
        features, more = self.extract_feat(inputs, data_samples=data_samples)
        return dict(self.image_head.loss(features, data_samples, **more), **auxiliary_losses(self))

    def predict(self, inputs: Tensor, data_samples: list, **kwargs) -> list:
        """As the class does; of images the scores of their own head."""
        if not self._are_images(inputs):
            return super().predict(inputs, data_samples, **kwargs)
        features, more = self.extract_feat(inputs, test_mode=True)
        return self.image_head.predict(features, data_samples, **more)

    def _are_images(self, inputs: Tensor) -> bool:
        images = inputs.ndim == 6 and inputs.shape[3] == 1
        if images and self.image_head is None:
            raise ValueError(f'{type(self).__name__}: images {tuple(inputs.shape)} have no head of theirs: give one by '
                             'model.image_head')
        return images
