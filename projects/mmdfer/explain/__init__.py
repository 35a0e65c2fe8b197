"""What a model looks at: attention over the frames, frames over time, dilations, features of clips.

Measures stand here, as arrays; :mod:`mmdfer.visualization` draws them, :mod:`mmdfer.apis.explain` does both.
"""
from .attention import watched
from .dilation import dilation_maps, has_dilation
from .embedding import check_features, silhouette, tsne, umap
from .features import video_features
from .flows import flow_of, has_attention
from .occlusion import hidden_frames
from .regions import density, region_weights
from .rollout import AttentionMaps, attention_maps
from .similarity import text_similarity

__all__ = [
    'AttentionMaps', 'attention_maps', 'check_features', 'density', 'dilation_maps', 'flow_of', 'has_attention',
    'has_dilation', 'hidden_frames', 'region_weights', 'silhouette', 'text_similarity', 'tsne', 'umap',
    'video_features', 'watched'
]
