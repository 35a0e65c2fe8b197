"""Frozen image transformers over the frames of a clip with adapter slots, and our modules in stock backbones."""
from .adapted import adapted_backbone
from .adapter_block import SLOTS, AdapterBlock
from .adapter_configs import AdapterConfigs, named_adapters
from .adapter_vit import AdapterViT
from .d2_resnet3d import D2ResNet3d
from .image_vit import ImageViT
from .injection import inject_adapters
from .joint_vit import JointViT
from .lgi_former import LGIFormer
from .svfap import SVFAP
from .temporal_transformer import TemporalTransformer
from .tower import AdapterTower

__all__ = [
    'SLOTS', 'SVFAP', 'AdapterBlock', 'AdapterConfigs', 'AdapterTower', 'AdapterViT', 'D2ResNet3d', 'ImageViT',
    'JointViT', 'LGIFormer', 'TemporalTransformer', 'adapted_backbone', 'inject_adapters', 'named_adapters'
]
