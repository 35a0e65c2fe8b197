"""FaceXFormer run from a user's own checkout and weights, in that checkout's own environment."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..registry import FACE_FINDERS
from . import facexformer_worker as worker
from .analysis import FaceFinder, FaceParser
from .facexformer import NAME, crop_boxes, faces_of_outputs
from .landmarks import NUM_LANDMARKS
from .regions import REGIONS
from .store import MAP_EDGE, NOTES, ClipFaces
from .tracking import main_track


@FACE_FINDERS.register_module('FaceXFormer')
class FaceXFormerModel(FaceFinder):
    """Landmarks and parsing by FaceXFormer (Narayan et al.; MIT), which is no part of this project.

    It runs in a process of ``python``, in whose environment the checkout works, and never in this one: its crops go
    there and its outputs come back by :mod:`mmdfer.face.facexformer_worker`'s protocol, which is checked here. A face's
    box is found by another finder, enlarged by half and cut out of the frame as the release does. The release's own
    boxes are MTCNN's: outputs made with those are imported (:class:`~mmdfer.face.facexformer.FaceXFormerOutputs`).

    Args:
        checkout: folder of the release's code, with its package ``network``.
        weights: the release's file of weights.
        python: the interpreter of its environment. Defaults to this one.
        device: of the model there.
        batch_size: crops at a time.
        trust: read weights that torch does not load safely, and that run code; know their source.
        detector: what finds the boxes, a :class:`FaceFinder` by its name or with settings.

    Raises:
        ValueError: for a checkout, weights or an interpreter that are not there, and where the model does not start or
            answers something else than it should.
    """
    GIVES = ('landmarks', 'parsing')
    BACKEND = name = NAME

    def __init__(self, checkout: str, weights: str, python: str | None = None, device: str = 'cpu',
                 batch_size: int = 16, trust: bool = False, detector: str | dict[str, Any] = 'MediaPipeFaces') -> None:
        self.check(checkout, weights, python, batch_size=batch_size)
        self.command = [python or sys.executable, worker.__file__, os.path.abspath(checkout), os.path.abspath(weights),
                        device, str(batch_size), '1' if trust else '0']
        self.detector = FACE_FINDERS.build(dict(type=detector) if isinstance(detector, str) else detector)
        self._process: subprocess.Popen | None = None

    @classmethod
    def check(cls, checkout: str = '', weights: str = '', python: str | None = None, batch_size: int = 16,
              **settings: Any) -> None:
        if not (Path(checkout) / 'network').is_dir() and not (Path(checkout) / 'network.py').is_file():
            raise ValueError(f'FaceXFormer: checkout={checkout}: has no package "network"; give the folder that its '
                             'repository was cloned into')
        if not os.path.isfile(weights):
            raise ValueError(f'FaceXFormer: weights={weights}: no such file')
        if python is not None and shutil.which(python) is None:
            raise ValueError(f'FaceXFormer: python={python}: is no program; give the interpreter of the environment in '
                             'which the checkout works, such as /envs/facexformer/bin/python')
        if batch_size < 1:
            raise ValueError(f'FaceXFormer: batch_size={batch_size}: expected at least 1')

    def read(self, clip: str, frames: Any, what: Sequence[str], parser: FaceParser | None = None) -> ClipFaces:
        """The main face of a clip: found, followed, and cut out frame by frame for the model."""
        found, size = [], (0, 0)
        for frame in frames:
            size = frame.shape[:2]
            found.append(self.detector.detect(frame))
        chosen, _ = main_track(found, size)
        boxes = np.array([found[index][choice] if choice >= 0 else np.full(4, np.nan)
                          for index, choice in enumerate(chosen)]).reshape(-1, 4)
        crops = crop_boxes(boxes, size)
        seen = [index for index in range(len(found)) if np.isfinite(crops[index]).all()
                and (crops[index, 2:] > crops[index, :2]).all()]
        boxes[np.setdiff1d(np.arange(len(found)), seen)] = np.nan
        wanted = set(seen)
        pictures = [cut_out(frame, crops[index]) for index, frame in enumerate(frames) if index in wanted]
        outputs = dict(landmarks=np.full((len(found), 2 * NUM_LANDMARKS), np.nan, np.float32),
                       parsing=np.zeros((len(found), MAP_EDGE, MAP_EDGE), np.uint8))
        if pictures:
            for name, values in self.ask(np.stack(pictures)).items():
                outputs[name][seen] = values
        faces = faces_of_outputs(clip, dict(outputs, boxes=boxes), len(found), size, what)
        faces.notes |= np.array([len(one) > 1 for one in found], np.uint8) * NOTES['several']
        return faces

    def ask(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """``landmarks`` (N, 136) and ``parsing`` (N, 224, 224) of crops (N, 224, 224, 3) of uint8.

        Raises:
            ValueError: if the model does not start, or answers something else.
        """
        process = self._started()
        with suppress(OSError):                             # of one that has ended, and said why
            worker.write_message(process.stdin, dict(crops=crops))
        return self._checked(self._answer(), len(crops))

    def _started(self) -> subprocess.Popen:
        if self._process is None:
            self._errors = tempfile.TemporaryFile()
            self._process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=self._errors, env=_environment())
            weakref.finalize(self, _end, self._process)
            protocol = self._answer().get('protocol')
            if protocol != worker.PROTOCOL:
                raise ValueError(f'FaceXFormer: {self.command[0]}: speaks protocol {protocol}, not {worker.PROTOCOL}')
        return self._process

    def _answer(self) -> dict[str, np.ndarray]:
        assert self._process is not None
        try:
            answer = worker.read_message(self._process.stdout)
        except (ValueError, OSError, MemoryError, OverflowError):
            raise ValueError(f'FaceXFormer: {self.command[0]}: what came back is no message of its protocol'
                             + self._last_words()) from None
        if answer is None:
            raise ValueError(f'FaceXFormer: its process ended ({" ".join(self.command[:4])})' + self._last_words())
        if 'error' in answer:
            told = str(answer['error'])
            raise ValueError(f'FaceXFormer: in {self.command[2]}: {told}{self._remedy(told)}')
        return answer

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors='replace').strip().splitlines()
        return f': {lines[-1]}' if lines else ''

    @staticmethod
    def _remedy(told: str) -> str:
        if 'ModuleNotFoundError' in told:
            return '; give the interpreter of the environment in which the checkout works by python=...'
        return '; if you know the source of the weights, trust=True reads them' if 'weights_only' in told else ''

    def _checked(self, answer: dict[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
        shapes = {'landmarks': (length, 2 * NUM_LANDMARKS), 'parsing': (length, MAP_EDGE, MAP_EDGE)}
        for name, shape in shapes.items():
            if name not in answer or answer[name].shape != shape:
                found = answer[name].shape if name in answer else 'nothing'
                raise ValueError(f'FaceXFormer: {self.command[2]}: expected {name} of shape {shape} for {length} '
                                 f'crops, got {found}; is it the checkout of FaceXFormer?')
        landmarks, parsing = answer['landmarks'], answer['parsing']
        if not np.isfinite(landmarks).all() or parsing.max() >= len(REGIONS):
            raise ValueError(f'FaceXFormer: {self.command[2]}: landmarks that are no numbers, or classes of parsing '
                             f'over {len(REGIONS) - 1}; are the weights those of the checkout?')
        return dict(landmarks=landmarks, parsing=parsing)


def cut_out(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part of a frame (H, W, 3) in a box of whole pixels, as the release's transform resizes it: (224, 224, 3)."""
    left, top, right, bottom = map(int, box)
    part = Image.fromarray(np.ascontiguousarray(frame[top:bottom, left:right]))
    return np.asarray(part.resize((MAP_EDGE, MAP_EDGE), Image.Resampling.BICUBIC))


def _environment() -> dict[str, str]:
    """This process's without what would bring its own packages into the other environment."""
    return {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'PYTHONHOME')}


def _end(process: subprocess.Popen) -> None:
    """Close the other side's input, at which it ends."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
