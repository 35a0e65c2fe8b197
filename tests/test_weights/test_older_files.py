"""Files that an older version wrote, in ``older/``, mean what they meant: names of adapters, figures, digest, resuming.

That version named adapters by slot and number (``layers.0.adapters.before_attn.0``), in stock backbones by block and
position (``adapters.blocks_0_before``), and let them add their input themselves. ``expected.json`` holds what it
computed in float64.
"""
import json
import lzma
import shutil
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import Runner
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset

from mmdfer.apis.running import load_into
from mmdfer.backbones import inject_adapters
from mmdfer.registry import MODELS
from mmdfer.weights import CheckpointError, frozen_digest, load_weights, read_checkpoint, with_current_names

OLDER = Path(__file__).parent / 'older'
EXPECTED = json.loads((OLDER / 'expected.json').read_text())
# The adapters of config.py by names of one's own.
NAMED = dict(
    fe=dict(type='FEAdapter', slot='before_attn', width=4),
    spatial=dict(type='BottleneckAdapter', slot='attn_out', width=4),
    tma=dict(type='TemporalModelingAdapter', slot='before_attn', blocks='2', width=4, num_heads=2),
    temporal=dict(type='BottleneckAdapter', slot='temporal_attn', width=4),
    mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=4, scale=0.5),
    sha=dict(type='SharedAdapter', slot='attn_out', width=4),
    tda=dict(type='TemporalDynamicAdapter', slot='ffn_out', width=4),
    st=dict(type='STAdapter', slot='before_ffn', width=4),
    behind=dict(type='STAdapter', slot='after_attn', width=4, blocks=1),
    last=dict(type='BottleneckAdapter', slot='after_ffn', width=4, act='relu'))
# The numbers of a slot's adapters in a file are those of their order.
TURNED = dict(tma=NAMED['tma'], **{name: adapter for name, adapter in NAMED.items() if name != 'tma'})


def wave(clips, frames=3, start=0):
    """Clips (B, 1, 3, T, 16, 16) that take no generator to make again."""
    steps = torch.arange(3 * frames * 256, dtype=torch.float64)
    clips = [torch.sin(steps * (0.37 + 0.11 * (start + index))) for index in range(clips)]
    return torch.stack(clips).reshape(-1, 1, 3, frames, 16, 16).float()


def config(adapters=None):
    """The old run's own config, or the same with adapters by name."""
    cfg = Config.fromfile(OLDER / 'config.py')
    cfg.model.backbone.init_cfg.checkpoint = str(OLDER / 'image.safetensors')
    if adapters is not None:
        cfg.model.backbone.adapters = adapters
    return cfg


def logits(model):
    with torch.no_grad():
        return model.double().eval()(wave(2).double(), mode='tensor', stage='head')


def close(ours, theirs):
    torch.testing.assert_close(ours, torch.tensor(theirs, dtype=torch.float64), rtol=1e-11, atol=1e-11)


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    """The full checkpoint after an epoch."""
    path = tmp_path_factory.mktemp('older') / 'epoch_1.pth'
    path.write_bytes(lzma.decompress((OLDER / 'epoch_1.pth.xz').read_bytes()))
    return path


@pytest.mark.parametrize('adapters', [None, NAMED], ids=['its own config', 'adapters by name'])
def test_a_full_checkpoint_and_a_tunable_file_give_the_logits_that_they_gave(adapters, full):
    for path, epoch in ((full, 'epoch_1'), (OLDER / 'last.safetensors', 'epoch_2')):
        model = MODELS.build(config(adapters).model)
        load_into(model, str(path))                             # as test and infer do
        close(logits(model), EXPECTED[epoch])


def test_the_frozen_digest_of_an_older_file_is_still_that_of_its_weights():
    model = MODELS.build(config(NAMED).model)
    model.init_weights()
    assert read_checkpoint(OLDER / 'last.safetensors')['meta']['frozen_digest'] == frozen_digest(model)
    with torch.no_grad():
        model.backbone.cls_token += 1
    with pytest.raises(CheckpointError, match='other frozen weights'):
        load_weights(model, OLDER / 'last.safetensors')


def test_names_become_those_of_the_config(full):
    model, state = MODELS.build(config(NAMED).model), read_checkpoint(full)['state_dict']
    renamed = with_current_names(model, state)
    assert set(renamed) == set(model.state_dict())
    name = 'backbone.layers.1.adapters.{}.down.weight'
    assert renamed[name.format('fe')] is state[name.format('before_attn.0')]
    assert renamed[name.format('tma')] is state[name.format('before_attn.1')]
    assert with_current_names(model, renamed) is renamed
    model.load_state_dict(state)                                # modules know their own old names, too
    close(logits(model), EXPECTED['epoch_1'])


def test_another_order_in_a_slot_is_another_model(full):
    with pytest.raises(CheckpointError, match='another architecture'):
        load_into(MODELS.build(config(TURNED).model), str(full))


class Waves(Dataset):
    """The old run's four clips."""
    metainfo: dict = {}

    def __init__(self):
        self.clips = wave(4, start=5)

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        return dict(inputs=self.clips[index], data_samples=ActionDataSample().set_gt_label(index % 3))


def runner(work_dir, cfg, name, *hooks):
    loader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                  collate_fn=dict(type='pseudo_collate'), dataset=Waves())
    return Runner(MODELS.build(cfg.model), str(work_dir), train_dataloader=loader, train_cfg=cfg.train_cfg,
                  optim_wrapper=cfg.optim_wrapper, custom_hooks=list(hooks), resume=True, cfg=cfg,
                  default_hooks=dict(checkpoint=dict(type='AdapterCheckpointHook', save_best=None)),
                  default_scope='mmaction', experiment_name=name, log_level='WARNING')


@pytest.mark.parametrize('adapters', [None, NAMED], ids=['its own config', 'adapters by name'])
def test_a_run_goes_on_as_it_would_have(adapters, full, tmp_path):
    """Weights, and the optimizer's averages, which go by the order of the parameters."""
    shutil.copy(full, tmp_path)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    resumed = runner(tmp_path, config(adapters), f'older{adapters is None}')
    resumed.train()
    assert resumed.iter == 4
    torch.testing.assert_close(logits(resumed.model), torch.tensor(EXPECTED['epoch_2'], dtype=torch.float64), rtol=1e-4,
                               atol=1e-5)


def test_averages_of_an_older_run_are_read(full, tmp_path):
    checkpoint = read_checkpoint(full)
    tunable = load_file(OLDER / 'last.safetensors')                      # for its names, which are the older ones
    training = {f'module.{name}': 2 * checkpoint['state_dict'][name] for name in tunable}
    checkpoint['ema_state_dict'] = dict(training, steps=torch.tensor(2))
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))
    resumed = runner(tmp_path, config(NAMED), 'older_ema', dict(type='TunableEMAHook', momentum=0.1))
    resumed.load_or_resume()
    weight = resumed.model.backbone.layers[0].adapters['fe'].down.weight
    old = checkpoint['state_dict']['backbone.layers.0.adapters.before_attn.0.down.weight']
    torch.testing.assert_close(weight, 2 * old, rtol=0, atol=0)          # what training goes on from
    hook = next(hook for hook in resumed.hooks if type(hook).__name__ == 'TunableEMAHook')
    torch.testing.assert_close(hook._averages['backbone.layers.0.adapters.fe.down.weight'], old, rtol=0, atol=0)


TEXT = dict(type='CLIPTextEncoder', context_length=10, vocabulary=20,
            arch=dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16, proj_dim=6),
            adapters=dict(sha=dict(type='SharedAdapter', slot='attn_out', width=4),
                          ta=dict(type='BottleneckAdapter', slot='ffn_out', width=4, zero_init=False),
                          own=dict(type='BottleneckAdapter', slot='before_attn', width=4, blocks=2)))
TOKENS = torch.tensor([[18, 3, 4, 5, 19, 0], [18, 7, 19, 0, 0, 0]])


def test_a_text_tower_gives_the_features_that_it_gave():
    model = MODELS.build(TEXT)
    load_weights(model, OLDER / 'text.safetensors')
    with torch.no_grad():
        close(model.double().eval().encode_text(TOKENS), EXPECTED['text'])


def stock(name):
    model = MODELS.build(dict(type='VisionTransformer', img_size=16, patch_size=8, embed_dims=8, depth=2, num_heads=2,
                              num_frames=4))
    inject_adapters(model, r'blocks\.\d+', dict(type='FEAdapter', width=4), 'videomae', 'before', name=name)
    return inject_adapters(model, r'blocks\.1', dict(type='STAdapter', width=4), 'videomae', 'after')


@pytest.mark.parametrize('name', [None, 'fe'])
def test_a_stock_backbone_gives_the_features_that_it_gave(name):
    model = stock(name)
    load_weights(model, OLDER / 'stock.safetensors')
    with torch.no_grad():
        close(model.double().eval()(wave(1, frames=4)[:, 0].double()), EXPECTED['stock'])
    twin = stock(name)
    twin.load_state_dict(load_file(OLDER / 'stock.safetensors'))
    assert torch.equal(twin.adapters[name or 'FEAdapter_before']['blocks_1'].down.weight.double(),
                       model.adapters[name or 'FEAdapter_before']['blocks_1'].down.weight)


AIM = "dict(type='BottleneckAdapter', slot='{}', width=4{})"


@pytest.mark.parametrize('adapters, second, message', [
    (AIM.format('temporal_attn', ', skip=False'), False, None), (AIM.format('attn_out', ''), False, None),
    (AIM.format('temporal_attn', ''), False, 'BottleneckAdapter in temporal_attn was trained with skip=True'),
    (AIM.format('parallel_ffn', ', skip=True'), False, 'in parallel_ffn was trained with skip=True'),
    (AIM.format('temporal_attn', ', skip=False'), True, 'has two adapters in temporal_attn'),
    ('not a config (', False, None)])
def test_what_no_slot_does_any_more_is_refused_and_no_text_of_a_file_is_run(adapters, second, message, tmp_path):
    slot = 'parallel_ffn' if 'parallel_ffn' in adapters else 'attn_out' if 'attn_out' in adapters else 'temporal_attn'
    named = dict(a=dict(type='BottleneckAdapter', slot=slot, width=4),
                 **(dict(b=dict(type='BottleneckAdapter', slot=slot, width=4)) if second else {}))
    model = MODELS.build(dict(config().model, backbone=dict(config().model.backbone, adapters=named)))
    state = {name.replace('.adapters.a.', f'.adapters.{slot}.0.').replace('.adapters.b.', f'.adapters.{slot}.1.'): value
             for name, value in model.state_dict().items()}
    text = f'raise_it = print.nothing\nmodel = dict(backbone=dict(adapters=[{adapters}]))'
    torch.save(dict(state_dict=state, meta=dict(cfg=text)), tmp_path / 'old.pth')
    if message is None:
        load_weights(model, tmp_path / 'old.pth')
    else:
        with pytest.raises(CheckpointError, match=f'old.pth.*{message}'):
            load_weights(model, tmp_path / 'old.pth')


def test_a_file_that_holds_the_names_of_now_is_read_whatever_they_are(tmp_path):
    """One that looks like an older one's beginning is left alone."""
    named = dict(before_attn_0=dict(type='BottleneckAdapter', slot='before_attn', width=4))
    model = MODELS.build(dict(config().model, backbone=dict(config().model.backbone, adapters=named)))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    save_file(state, tmp_path / 'a.safetensors')
    model.backbone.layers[0].adapters['before_attn_0'].up.bias.data += 1
    load_weights(model, tmp_path / 'a.safetensors')
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
