"""Work directories as a training leaves them, without the training."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmdfer.evaluation import save_predictions
from mmdfer.runs.metrics import add_evaluation, to_evaluation
from mmdfer.runs.settings import begin_settings, read_settings

CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
CONFIG = '''
default_scope = 'mmaction'
custom_imports = dict(imports=['mmdfer'])
model = dict(type='Recognizer3D', backbone=dict(type='AdapterViT', arch='base', adapters=[
    dict(type='FEAdapter', slot='before_attn', blocks='all', width=116)]), cls_head=dict(type='LinearVideoHead'))
test_pipeline = [
    dict(type='ClipInit'), dict(type='SampleSegments', num_frames=4, test_mode=True), dict(type='ClipDecode'),
    dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
train_dataloader = dict(batch_size=16, dataset=dict(
    type='DFEWDataset', data_root={root!r}, fold={fold}, split='train', pipeline=test_pipeline))
test_dataloader = dict(batch_size=16, dataset=dict(
    type='DFEWDataset', data_root={root!r}, fold={fold}, split='test', pipeline=test_pipeline, test_mode=True))
val_dataloader = test_dataloader
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4))
train_cfg = dict(max_epochs=3)
randomness = dict(seed=7)
'''


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fake_run(folder: Path, root: Path | str = '/nowhere', fold: int | None = 1, seed: int = 0, stem: str = 'some_model',
             ids=None, labels=None, name: str | None = None, old: bool = False, classes=CLASSES, replace=('', ''),
             **result) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Write a run of three epochs, its second one the best.

    Args:
        old: in the layout of runs that kept their figures in mmengine's log alone, and their config where it left it.
        replace: a piece of the config's text and another in its place.

    Returns:
        Labels and scores by epoch.
    """
    rng = np.random.default_rng(seed)
    labels = np.array(labels if labels is not None else [index % 7 for index in range(35)])
    ids = ids if ids is not None else [f'{index:05d}' for index in range(len(labels))]
    folder.mkdir(parents=True)
    found, validations = {}, []
    for epoch, hint in ((1, 0.5), (2, 3.0), (3, 1.2)):
        scores = softmax(rng.normal(size=(len(labels), 7)) + hint * np.eye(7)[labels]).astype(np.float32)
        save_predictions(folder / 'predictions' / f'epoch_{epoch}.npz', ids, labels, scores, classes)
        found[epoch] = labels, scores
        right = scores.argmax(axis=1) == labels
        recalls = [right[labels == label].mean() if (labels == label).any() else 0. for label in range(7)]
        validations.append(dict(uar=float(np.mean(recalls)), war=float(right.mean()),
                                **{f'recall/{name}': float(value) for name, value in zip(classes, recalls)}))
    last, best = validations[2], validations[1]
    content = dict(name=name or stem, fold=fold, tunable=6_628_027, total=92_000_000, seconds=61.0, processes=1,
                   work_dir=str(folder), uar=last['uar'], war=last['war'], epoch=3,
                   best=dict(uar=best['uar'], war=best['war'], epoch=2))
    log = [dict(loss=2 / step, lr=0.1, time=0.5, iter=step, step=step, epoch=step // 10) for step in (10, 20, 30)]
    text = CONFIG.format(root=str(root), fold=fold or 1).replace(*replace)
    if old:
        (folder / f'{stem}.py').write_text(text)
        log += [dict(figures, step=epoch) for epoch, figures in enumerate(validations, 1)]
    else:
        for epoch, figures in enumerate(validations, 1):
            add_evaluation(folder, to_evaluation(figures, 'epoch', epoch, len(labels)))
        begin_settings(folder, Config.fromstring(text, '.py'), resumed=False)
        content.update(unit='epoch', config=stem, dataset='dfew', classes=list(classes), folds=[1, 2, 3, 4, 5],
                       settings=read_settings(folder).digest)
    scalars = folder / '20250101_000000' / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text('\n'.join(map(json.dumps, log)))
    (folder / 'result.json').write_text(json.dumps(dict(content, **result)))
    return found
