"""The classes of a run, from the data set that declares them to all in its config that counts or names them."""
from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from mmaction.registry import METRICS
from mmengine.config import Config
from mmengine.logging import print_log

from .class_order import difference, listed, places_of
from .registry import MODELS, class_names
from .run_config import dataset_classes, dataset_configs

# Parts of a model whose num_classes is that of the data; a backbone's may be of another matter.
COUNTING = ('cls_head', 'head', 'data_preprocessor')
# Lists with an entry for each class.
PER_CLASS = ('class_counts', 'class_weight', 'samples_per_cls')
LABELLED, TESTED = ('train_dataloader', 'val_dataloader', 'test_dataloader'), ('test_dataloader', 'val_dataloader')
RUN_CLASSES = 'run_classes'


def flow(cfg: Config, classes: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """See :func:`mmdfer.run_config.flow_classes`, which is how to call this."""
    told, source = classes_of_data(cfg)
    before = cfg.get(RUN_CLASSES)
    names = told or before or classes
    if names is None or 'model' not in cfg:
        return None if names is None else tuple(names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise ValueError(f'{source}: class {twice!r} is there twice among its classes {listed(names)}')
    Flow(cfg, tuple(names), source if told else 'the run', tuple(before or ())).run()
    cfg[RUN_CLASSES] = list(names)
    return tuple(names)


def classes_of_data(cfg: Config) -> tuple[Sequence[str] | None, str]:
    """Classes of the training set, or of the test set for a run without training, and the type of that set.

    A head that is not trained on labels takes its classes from the set that it is tested on.

    Raises:
        ValueError: for sets of other classes, or of the same in another order, whose labels would mean other classes.
    """
    head = (cfg.get('model') or {}).get('cls_head') or {}
    by_labels = getattr(_kind(head, MODELS, cfg), 'trains_on_labels', True)
    told = [(dataset.type, loader, dataset_classes(dataset)) for loader in (LABELLED if by_labels else TESTED)
            for dataset in dataset_configs(cfg, (loader, ))]
    known = [one for one in told if one[2] is not None]
    if not known:
        return None, 'the data'
    source, first, names = known[0]
    for other, loader, theirs in known[1:]:
        if list(theirs) != list(names):
            raise ValueError(f'{loader}: {other} has the classes {listed(theirs)}, {source} of {first} has '
                             f'{listed(names)} ({difference(theirs, names)}): all sets of a run need the same classes '
                             'in one order')
    return list(names), str(source)


class Flow:
    """Classes of one run on their way through its config.

    Args:
        cfg: the config, which is filled in.
        names: the classes.
        source: the data set that has them, for messages.
        before: the classes that were filled in by an earlier call; what it filled is filled anew.
    """

    def __init__(self, cfg: Config, names: tuple[str, ...], source: str, before: tuple[str, ...]) -> None:
        self.cfg, self.names, self.before = cfg, names, before
        self.told = f'{source} has {len(names)} classes ({listed(names)})'

    def run(self) -> None:
        """Fill in what is left out, and hold what is given against the data.

        Raises:
            ValueError: for what is given and does not agree.
        """
        model = self.cfg.model
        for place in COUNTING:
            for path, part in _dicts(f'model.{place}', model.get(place)):
                self._count(path, part, MODELS, optional=True)
                self._check_lists(path, part)
        for path, part in _dicts('data_preprocessor', self.cfg.get('data_preprocessor')):
            self._count(path, part, MODELS, optional=False)
        self._speak('model.cls_head', model.get('cls_head'))
        for place in ('val_evaluator', 'test_evaluator'):
            for path, part in _dicts(place, self.cfg.get(place)):
                self._count(path, part, METRICS, optional=False)
                self._name(path, part)

    def _count(self, path: str, part: dict, registry, optional: bool) -> None:
        """``num_classes`` of one part, filled in where its class takes one, or only where it cannot do without."""
        given, count = part.get('num_classes'), len(self.names)
        if given in (None, len(self.before) or None):
            kind = _kind(part, registry, self.cfg)
            if given is not None or _takes(kind, 'num_classes', optional):
                part['num_classes'] = count
        elif given != count:
            raise ValueError(f'{path} has num_classes={given}, {self.told}: leave num_classes out, it comes from the '
                             f'data, or set num_classes={count}')

    def _check_lists(self, path: str, part: dict) -> None:
        for key in PER_CLASS:
            given = part.get(key)
            if isinstance(given, (list, tuple)) and len(given) != len(self.names):
                raise ValueError(f'{path}.{key} has {len(given)} entries, {self.told}: give one a class, in that order')

    def _speak(self, path: str, head: dict | None) -> None:
        """Classes of the texts: in the order of the data, whatever order they were given in."""
        if not isinstance(head, dict):
            return
        for key in [key for key in head if key == 'texts' or key.endswith('_texts')]:
            texts = head[key]
            if not isinstance(texts, dict):
                continue
            given = self._given_classes(f'{path}.{key}', texts)
            if given is not None and given not in (self.names, self.before):
                places = places_of(self.names, given)
                if places is None:
                    raise ValueError(f'{path}.{key} are of the classes {listed(given)}, {self.told}: '
                                     f'{difference(given, self.names)}. Leave dataset and classes out of them, they '
                                     'come from the data')
                print_log(f'{path}.{key}: given in the order {listed(given)}, told in that of the data, '
                          f'{listed(self.names)}', logger='current')
            texts.pop('dataset', None)
            if key == 'texts' or given is not None:
                texts['classes'] = list(self.names)

    @staticmethod
    def _given_classes(path: str, texts: dict) -> tuple[str, ...] | None:
        if texts.get('classes') is not None:
            return tuple(texts['classes'])
        if texts.get('dataset') is None:
            return None
        try:
            return tuple(class_names(texts['dataset']))
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None

    def _name(self, path: str, part: dict) -> None:
        """Class names given to a metric."""
        given = part.get('classes')
        if not isinstance(given, (list, tuple)) or tuple(given) == self.names:
            return
        if tuple(given) != self.before:
            raise ValueError(f'{path} has the classes {listed(given)}, {self.told}: {difference(given, self.names)}. '
                             'Leave classes out, they come from the data')
        part['classes'] = list(self.names)


def _dicts(path: str, value: Any) -> Iterator[tuple[str, dict]]:
    """All dicts at or below an entry of a config, with their paths."""
    if isinstance(value, dict):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, one in list(items):
        yield from _dicts(f'{path}.{key}', one)


def _kind(part: dict, registry, cfg: Config) -> Any:
    """The class that a config names, if it is known here."""
    name = part.get('type')
    if not isinstance(name, str):
        return name
    scopes = [part.get('_scope_'), None, cfg.get('default_scope')]
    for scope in dict.fromkeys(scopes):
        kind = registry.get(name if scope is None or '.' in name else f'{scope}.{name}')
        if kind is not None:
            return kind
    return None


def _takes(kind: Any, name: str, optional: bool) -> bool:
    """Whether a class's constructor has a parameter, or, without ``optional``, cannot do without it."""
    for one in inspect.getmro(kind) if inspect.isclass(kind) else ():
        if '__init__' not in vars(one):
            continue
        parameters = inspect.signature(vars(one)['__init__']).parameters
        if name in parameters:
            return optional or parameters[name].default is inspect.Parameter.empty
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return False
    return False
