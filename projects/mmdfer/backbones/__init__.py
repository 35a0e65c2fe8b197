"""Frozen image transformers over the frames of a clip with adapter slots, and our modules in stock backbones."""
from .adapted import adapted_backbone
from .adapter_block import SLOTS, AdapterBlock
from .adapter_configs import AdapterConfigs, named_adapters
from .adapter_vit import AdapterViT
from .d2_resnet3d import D2ResNet3d
from .former_dfer import FormerDFER
from .ial import IALNet
from .image_vit import ImageViT
from .injection import inject_adapters
from .joint_vit import JointViT
from .lgi_former import LGIFormer
from .m3dfel import M3DFEL
from .s2d import S2DViT
from .snippet_vit import Snippets, SnippetViT
from .svfap import SVFAP
from .temporal_transformer import TemporalTransformer
from .tower import AdapterTower

__all__ = [
    'M3DFEL', 'SLOTS', 'SVFAP', 'AdapterBlock', 'AdapterConfigs', 'AdapterTower', 'AdapterViT', 'D2ResNet3d',
    'FormerDFER', 'IALNet', 'ImageViT', 'JointViT', 'LGIFormer', 'S2DViT', 'SnippetViT', 'Snippets',
    'TemporalTransformer', 'adapted_backbone', 'inject_adapters', 'named_adapters'
]
