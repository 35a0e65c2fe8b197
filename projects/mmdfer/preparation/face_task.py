"""How the faces of a set are found: what is kept of them, what finds them and what parses them."""
from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..face.analysis import WHAT, FaceFinder, FaceParser
from ..registry import FACE_FINDERS, FACE_PARSERS, Parts


@dataclass
class Task:
    """How clips are analysed: what is kept, and what reads it.

    Args:
        what: of ``landmarks``, ``parsing`` and ``mesh``.
        finder: ``dict(type=..., ...)`` of a :class:`~mmdfer.face.analysis.FaceFinder`.
        parser: of a :class:`~mmdfer.face.analysis.FaceParser`; by default regions are painted from the mesh, or come
            from the finder.
        device: of finder and parser, where they take one.
        crops: whether aligned face crops are written too, as folders of frames.

    Raises:
        ValueError: for names that are not known, and parts that do not go together.
    """
    what: Sequence[str] = ('landmarks', 'parsing')
    finder: dict[str, Any] = field(default_factory=lambda: dict(type='MediaPipeFaces'))
    parser: dict[str, Any] | None = None
    device: str = 'cpu'
    crops: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.what) - set(WHAT)
        if unknown or not self.what:
            raise ValueError(f'what={sorted(unknown)}: choose of {", ".join(WHAT)}')
        finder, name = self._kind(self.finder, FACE_FINDERS, FaceFinder), self.finder['type']
        if self.parser is not None:
            self._kind(self.parser, FACE_PARSERS, FaceParser)
            if 'parsing' in finder.GIVES and 'mesh' not in finder.GIVES:
                raise ValueError(f'{name} brings a parsing of its own; give it or a parser, not both')
        finder.check(**{name: value for name, value in self.finder.items() if name != 'type'})
        if 'mesh' in self.what and 'mesh' not in finder.GIVES:
            raise ValueError(f'{name} gives no mesh; leave mesh out of what')
        if 'parsing' in self.what and self.parser is None and not {'parsing', 'mesh'} & set(finder.GIVES):
            raise ValueError(f'{name} gives landmarks alone; give a parser too, or leave parsing out of what')

    @staticmethod
    def _kind(settings: dict[str, Any], registry: Parts, base: type) -> Any:
        kind = registry.find(settings.get('type'), registry.name)
        if not (isinstance(kind, type) and issubclass(kind, base)):
            raise ValueError(f'{settings["type"]}: is no {registry.name}; derive it from mmdfer.face.{base.__name__}')
        return kind

    def source(self) -> dict[str, str]:
        """What the files' ``source`` must begin with for them to be of this task."""
        backends = dict(landmarks=_backend(self.finder, FACE_FINDERS))
        if 'parsing' in self.what:
            backends['parsing'] = backends['landmarks'] if self.parser is None else _backend(self.parser, FACE_PARSERS)
        return backends

    def kinds(self) -> list[type]:
        """The classes of finder and parser."""
        parser = [] if self.parser is None else [self._kind(self.parser, FACE_PARSERS, FaceParser)]
        return [self._kind(self.finder, FACE_FINDERS, FaceFinder), *parser]

    def build(self) -> tuple[FaceFinder, FaceParser | None]:
        """Finder and parser of this process; a parser that is not needed is not loaded."""
        parser = self.parser if 'parsing' in self.what else None
        return (self._build(self.finder, FACE_FINDERS), None if parser is None else self._build(parser, FACE_PARSERS))

    def _build(self, settings: dict[str, Any], registry: Parts) -> Any:
        takes_device = 'device' in inspect.signature(registry.find(settings['type'], registry.name)).parameters
        part = registry.build(dict(dict(device=self.device) if takes_device else {}, **settings))
        part.name = part.name or _backend(settings, registry)
        return part


def _backend(settings: dict[str, Any], registry: Parts) -> str:
    rest = {name: value for name, value in settings.items() if name != 'type'}
    return registry.find(settings['type'], registry.name).backend(**rest)
