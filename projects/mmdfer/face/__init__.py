"""Faces of a user's own clips: found, followed, marked with landmarks, parsed and kept as maps.

Nothing here is imported by the models; MediaPipe and transformers are imported where they are used.
"""
from .analysis import FaceFinder, FaceParser
from .map_transform import LoadFaceMaps
from .regions import PALETTE, REGION_ID, REGIONS
from .rendering import overlay, render_landmarks, render_parsing
from .store import ClipFaces, FaceMapsError, find_maps, load_faces, save_faces

__all__ = [
    'ClipFaces', 'FaceFinder', 'FaceMapsError', 'FaceParser', 'LoadFaceMaps', 'PALETTE', 'REGIONS', 'REGION_ID',
    'find_maps', 'load_faces', 'overlay', 'render_landmarks', 'render_parsing', 'save_faces'
]
