"""What a face does during a clip: one row of parameters a frame.

The whole of a frame that changes with time is a row of :data:`COLUMNS`: action units, head pose, gaze and the light's
drift. Everything that stays is the identity (who) and the scene (where).
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .action_units import ACTION_UNITS, AU_INDEX, sample_peaks, sample_time_course

POSE = ('yaw', 'pitch', 'roll', 'shift_x', 'shift_y', 'scale', 'gaze_x', 'gaze_y', 'light')
"""Angles in radians, shifts in shares of the frame, scale and light as factors, gaze in [-1, 1]."""

COLUMNS = tuple(f'au{unit}' for unit in ACTION_UNITS) + POSE

# Spreads are those of aligned face crops.
_POSE_MEAN = np.array([0, 0, 0, 0, 0, 1, 0, 0, 1])
_POSE_SPREAD = np.array([0.12, 0.06, 0.04, 0.01, 0.01, 0.02, 0.25, 0.15, 0.0])
_POSE_LIMIT = np.array([0.3, 0.14, 0.1, 0.025, 0.025, 0.05, 0.7, 0.5, 0.0])
_POSE_DRIFT = np.array([0.07, 0.04, 0.025, 0.008, 0.008, 0.012, 0.15, 0.1, 0.03])


@dataclass(frozen=True)
class Performance:
    """The acting of one clip.

    Args:
        frames: (T, len(COLUMNS)) parameters a frame.
        envelope: (T,) intensity of the expression, 0 at rest and 1 at the apex.
        peaks: (len(ACTION_UNITS),) drawn peak intensities.
        expressive: whether the class moves any unit at all (all but neutral).
    """
    frames: np.ndarray
    envelope: np.ndarray
    peaks: np.ndarray
    expressive: bool

    @property
    def key_frames(self) -> dict[str, int | None]:
        """0-based frame indices of onset, apex and offset; all None for a neutral clip."""
        if not self.expressive:
            return dict(onset=None, apex=None, offset=None)
        active = np.flatnonzero(self.envelope > 0.1)
        return dict(onset=int(active[0]), apex=int(self.envelope.argmax()), offset=int(active[-1]))

    def reversed(self) -> Performance:
        """The same performance played backwards."""
        return replace(self, frames=self.frames[::-1].copy(), envelope=self.envelope[::-1].copy())


def sample_performance(name: str, n_frames: int, rng: np.random.Generator) -> Performance:
    """Draw a performance of class ``name``; a fear is a surprise, drawn alike and reversed.

    Args:
        name: one of :data:`~mmdfer.synthetic.action_units.CLASSES`.
        n_frames: number of frames T.
        rng: source of all randomness.
    """
    if name == 'fear':
        return sample_performance('surprise', n_frames, rng).reversed()

    time = (np.arange(n_frames) + 0.5) / n_frames
    course = sample_time_course(name, rng)
    peaks = sample_peaks(name, rng)
    lags = rng.uniform(-0.02, 0.02, len(ACTION_UNITS))
    units = course(time[:, None] - lags) * peaks    # (T, units)
    units += _idle(time, len(ACTION_UNITS), rng)
    units[:, AU_INDEX[45]] = _blinks(n_frames, rng)

    centre = np.clip(rng.normal(0, 1, len(POSE)) * _POSE_SPREAD, -_POSE_LIMIT, _POSE_LIMIT)
    pose = _POSE_MEAN + centre + _drift(time, len(POSE), rng) * _POSE_DRIFT
    frames = np.concatenate([units.clip(0, 1), pose], axis=1)
    return Performance(frames, course(time), peaks, name != 'neutral')


def _drift(time: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """(T, width) smooth random curves of about unit size: two slow waves each."""
    frequency = rng.uniform(0.2, 1.2, (2, width))
    phase = rng.uniform(0, 2 * np.pi, (2, width))
    gain = rng.normal(0, 0.7, (2, width))
    waves = np.sin(2 * np.pi * frequency * time[:, None, None] + phase)     # (T, 2, width)
    return (gain * waves).sum(1)


def _idle(time: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """(T, width) small motion of a face at rest: a constant set of some units and slow waves."""
    tonic = (rng.random(width) < 0.3) * rng.uniform(0, 0.08, width)
    return tonic + 0.03 * _drift(2 * time, width, rng)


def _blinks(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T,) lid closure: about one blink in two clips, three frames long."""
    closure = np.zeros(n_frames)
    for centre in rng.uniform(0, n_frames, rng.poisson(0.6)):
        distance = np.abs(np.arange(n_frames) + 0.5 - centre)
        closure = np.maximum(closure, np.clip(1.4 - 0.8 * distance, 0, 1))
    return closure
