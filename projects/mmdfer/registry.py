"""The registries that this project adds to.

Models, datasets and transforms go into MMAction2's own registries, as its projects' do. What serves any
OpenMMLab toolbox (the D²Conv3D layer, the metric, samplers, hooks, the optimizer constructor) goes into
mmengine's root registries, where a config of any default scope finds it by its plain name.
"""
from mmaction.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.registry import DATA_SAMPLERS, HOOKS, METRICS, OPTIM_WRAPPER_CONSTRUCTORS

__all__ = ['DATASETS', 'DATA_SAMPLERS', 'HOOKS', 'METRICS', 'MODELS', 'OPTIM_WRAPPER_CONSTRUCTORS', 'TRANSFORMS']
