"""Who is seen: the fixed traits of a face, drawn once a subject.

Lengths are in face units: the face's centre is (0, 0), x to the right, y down, and the chin lies near y = 1. Colours
are RGB in [0, 255].
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .action_units import ACTION_UNITS

Colour = tuple[float, float, float]

_SKINS = np.array([(246, 218, 200), (236, 198, 170), (219, 174, 140), (192, 143, 108),
                   (158, 112, 84), (124, 86, 66)], float)
_HAIRS = np.array([(28, 24, 24), (50, 36, 28), (88, 58, 38), (126, 74, 42), (190, 150, 92), (150, 148, 146)], float)
_IRISES = np.array([(60, 38, 24), (88, 58, 32), (92, 110, 66), (82, 118, 150), (110, 124, 130)], float)
HAIR_STYLES = ('short', 'side', 'fringe', 'long', 'receding', 'curly', 'bald')
BEARDS = ('none', 'stubble', 'moustache', 'full')


@dataclass(frozen=True)
class Identity:
    """Traits of a subject; lengths in face units, colours in RGB.

    ``asymmetry`` is the share by which each action unit is stronger on the picture's left side.
    """
    skin: Colour
    lips: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    face_width: float
    jaw_width: float
    chin: float
    hair_style: str
    hair_volume: float
    hairline: float
    parting: float
    brow_y: float
    brow_thickness: float
    brow_length: float
    brow_arch: float
    brow_tilt: float
    eye_x: float
    eye_y: float
    eye_width: float
    eye_open: float
    eye_tilt: float
    iris_radius: float
    nose_y: float
    nose_width: float
    mouth_y: float
    mouth_width: float
    mouth_bend: float
    upper_lip: float
    lower_lip: float
    beard: str
    glasses: bool
    glasses_size: float
    age: float
    moles: tuple[tuple[float, float], ...]
    asymmetry: tuple[float, ...]


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draw a subject."""
    def colour(palette: np.ndarray, spread: float) -> np.ndarray:
        place = rng.uniform(0, len(palette) - 1)
        low = int(place)
        mixed = palette[low] + (place - low) * (palette[min(low + 1, len(palette) - 1)] - palette[low])
        return np.clip(mixed * rng.normal(1, spread, 3), 12, 250)

    skin = colour(_SKINS, 0.02)
    hair = colour(_HAIRS, 0.06)
    brow = np.minimum(hair * rng.uniform(0.55, 0.9), skin * 0.55)
    lips = skin * (0.86, 0.62, 0.62) * rng.uniform(0.82, 1.04) + (rng.uniform(0, 22), 0, 0)
    nose_y = rng.uniform(0.2, 0.28)
    return Identity(
        skin=tuple(skin), lips=tuple(lips), hair=tuple(hair), brow=tuple(brow),
        iris=tuple(colour(_IRISES, 0.08)),
        face_width=rng.uniform(0.7, 0.81), jaw_width=rng.uniform(0.78, 1.02),
        chin=rng.uniform(0.94, 1.06),
        hair_style=HAIR_STYLES[rng.choice(len(HAIR_STYLES), p=[.24, .2, .14, .18, .08, .1, .06])],
        hair_volume=rng.uniform(0.06, 0.2), hairline=rng.uniform(-0.82, -0.68),
        parting=rng.uniform(-0.4, 0.4),
        brow_y=rng.uniform(-0.4, -0.34), brow_thickness=rng.uniform(0.045, 0.085),
        brow_length=rng.uniform(0.95, 1.2), brow_arch=rng.uniform(0.015, 0.06),
        brow_tilt=rng.uniform(-0.012, 0.014),
        eye_x=rng.uniform(0.3, 0.355), eye_y=rng.uniform(-0.15, -0.1),
        eye_width=rng.uniform(0.145, 0.18), eye_open=rng.uniform(0.066, 0.09),
        eye_tilt=rng.uniform(-0.015, 0.03), iris_radius=rng.uniform(0.07, 0.083),
        nose_y=nose_y, nose_width=rng.uniform(0.12, 0.18),
        mouth_y=nose_y + rng.uniform(0.25, 0.31), mouth_width=rng.uniform(0.23, 0.3),
        mouth_bend=rng.uniform(-0.01, 0.01),
        upper_lip=rng.uniform(0.045, 0.08), lower_lip=rng.uniform(0.065, 0.105),
        beard=BEARDS[rng.choice(len(BEARDS), p=[.72, .12, .07, .09])],
        glasses=bool(rng.random() < 0.14), glasses_size=rng.uniform(0.19, 0.24),
        age=rng.uniform(0, 1)**1.5,
        moles=tuple((float(x), float(y)) for x, y in
                    rng.uniform((-0.6, -0.5), (0.6, 0.7), (rng.poisson(1.5), 2))),
        asymmetry=tuple(rng.normal(0, 0.1, len(ACTION_UNITS)).clip(-0.25, 0.25)))
