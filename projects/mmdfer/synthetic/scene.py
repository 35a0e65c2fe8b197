"""Where a face is seen: background, light and camera, drawn once a clip."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Scene:
    """Surroundings of a clip.

    Args:
        background: (16, 16, 3) float32 RGB picture, enlarged to the frame.
        clothes: RGB colour of the shirt.
        light: unit vector towards the light; x right, y down, z to the camera.
        ambient: share of the light that comes from everywhere, in [0, 1].
        gain: exposure, one factor a colour channel (RGB).
        gamma: exponent of the camera's curve.
        blur: standard deviation of the camera's blur, in shares of the frame.
        noise: standard deviation of the camera's noise, in grey levels of 255.
        jpeg_quality: quality of the written JPEG files.
    """
    background: np.ndarray
    clothes: tuple[float, float, float]
    light: np.ndarray
    ambient: float
    gain: np.ndarray
    gamma: float
    blur: float
    noise: float
    jpeg_quality: int


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene."""
    base, other = 0.35 * rng.uniform(0, 255, (2, 3)) + rng.uniform(20, 150, (2, 1))
    ramp = np.linspace(0, 1, 16)
    tilt = rng.uniform(0, 1)
    mix = (tilt * ramp[:, None] + (1 - tilt) * ramp)[..., None]
    patches = cv2.resize(rng.normal(0, 18, (4, 4, 1)).astype(np.float32), (16, 16))[..., None]
    background = (base * (1 - mix) + other * mix + patches).clip(5, 250).astype(np.float32)
    light = np.array([rng.normal(0, 0.55), rng.normal(-0.35, 0.3), 1.0])
    return Scene(
        background=background, clothes=tuple(rng.uniform(20, 220, 3)),
        light=light / np.linalg.norm(light), ambient=rng.uniform(0.5, 0.8),
        gain=rng.uniform(0.85, 1.08) * rng.normal(1, 0.03, 3).clip(0.9, 1.1),
        gamma=rng.uniform(0.85, 1.12), blur=rng.choice([0.0, rng.uniform(0.002, 0.006)]),
        noise=rng.uniform(1, 4), jpeg_quality=int(rng.integers(72, 96)))
