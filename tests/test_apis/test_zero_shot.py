"""Zero-shot evaluation: tools/test.py without a checkpoint, on the towers' own weights."""
import json

import numpy as np
import pytest
import torch

from mmdfer.registry import DATASETS, MODELS
from mmdfer.run_config import load_config

from ..commands import tool
from ..conftest import ROOT, write_dfew
from ..test_text.clip_models import open_clip_model

SMALL = {
    'model.backbone.arch': dict(_delete_=True, embed_dims=64, num_layers=3, num_heads=1, feedforward_channels=256),
    'model.backbone.img_size': 32, 'model.backbone.patch_size': 8, 'model.backbone.proj_dim': 32,
    'model.cls_head.text_encoder.arch': dict(_delete_=True, embed_dims=64, num_layers=3, num_heads=1,
                                             feedforward_channels=256, proj_dim=32),
    'test_dataloader.num_workers': 0, 'test_dataloader.persistent_workers': False,
    'test_dataloader.dataset.pipeline.1.num_frames': 4, 'test_dataloader.dataset.pipeline.3.scale': (-1, 32),
    'test_dataloader.dataset.pipeline.4.crop_size': 32,
}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A small DFEW, and a small CLIP with random weights in OpenAI's and open_clip's format."""
    place = tmp_path_factory.mktemp('zero_shot')
    write_dfew(place / 'DFEW', train=7, test=7, frames=12, folds=(1, ))
    torch.save(open_clip_model().state_dict(), place / 'clip.pt')
    return place


def run_tool(place, config, *more):
    small = place / 'config.py'
    load_config(ROOT / f'configs/{config}.py', SMALL).dump(small)
    return tool('test.py', small, '--data-root', place / 'DFEW', '--work-dir', place / 'logs', '--out', place / 'out',
                *more)


def expected(place):
    """Mean over the texts of cosines, by open_clip's own model and frames of the config's pipeline."""
    cfg = load_config(ROOT / 'configs/zero_shot_clip_vitb16_dfew.py', SMALL)
    dataset_cfg = cfg.test_dataloader.dataset
    dataset_cfg.data_root = str(place / 'DFEW')
    dataset, preprocess = DATASETS.build(dataset_cfg), MODELS.build(cfg.model.data_preprocessor)
    import open_clip

    from mmdfer.text import class_texts
    theirs, logits = open_clip_model(), []
    with torch.no_grad():
        texts = [torch.nn.functional.normalize(theirs.encode_text(open_clip.tokenizer.tokenize(of)), dim=-1).mean(0)
                 for of in class_texts(**cfg.model.cls_head.texts)]
        texts = torch.nn.functional.normalize(torch.stack(texts), dim=-1)
        for item in dataset:
            frames = preprocess(dict(inputs=[item['inputs']], data_samples=[item['data_samples']]))['inputs'][0, 0]
            clip = theirs.encode_image(frames.transpose(0, 1)).mean(0)
            logits.append(100 * torch.nn.functional.normalize(clip, dim=-1) @ texts.T)
    return torch.stack(logits).softmax(-1)


@pytest.mark.slow
def test_zero_shot_by_the_tool_gives_open_clips_predictions(place):
    done = run_tool(place, 'zero_shot_clip_vitb16_dfew', '--clip-checkpoint', place / 'clip.pt')
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    found = json.loads((place / 'out/metrics.json').read_text())
    assert found['checkpoint'] is None and 0 <= found['uar'] <= 1
    with np.load(place / 'out/predictions.npz') as file:
        scores = next(torch.from_numpy(file[key]) for key in file if file[key].ndim == 2 and file[key].shape[1] == 7)
    torch.testing.assert_close(scores.float(), expected(place), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('config, more, told', [
    ('zero_shot_clip_vitb16_dfew', (), 'the towers have random weights: give a CLIP model by --clip-checkpoint'),
    ('baselines/coop_vitb16_dfew', ('clip.pt', ),
     'no checkpoint is given, and the model has 1,024 parameters to train'),
])
def test_what_cannot_be_evaluated_is_told_in_a_line(place, config, more, told):
    done = run_tool(place, config, *(part for name in more for part in ('--clip-checkpoint', place / name)))
    assert done.returncode == 2 and f'error: {told}' in done.stderr, done.stderr[-2000:]
    assert 'Traceback' not in done.stderr
