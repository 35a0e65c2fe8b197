"""Our modules in stock models: the stock model at the start, frozen for good, and its checkpoints both ways."""
import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch import nn

from mmdfer.adapters import Adapter, adapters_off
from mmdfer.apis.running import load_into
from mmdfer.backbones import inject_adapters
from mmdfer.backbones.freezing import count_parameters
from mmdfer.backbones.injection import AdaptedModel
from mmdfer.backbones.layouts import LAYOUTS
from mmdfer.engine import TunableOptimWrapperConstructor
from mmdfer.registry import MODELS
from mmdfer.weights import CheckpointError, save_tunable

from .small import ADAPTED, clip_shape, small_config

FE = dict(type='FEAdapter', width=4)
# One small stock backbone a layout, with the pattern of its blocks and a clip that it takes.
STOCK = {
    'videomae': (dict(type='VisionTransformer', img_size=32, patch_size=8, embed_dims=24, depth=2, num_heads=2,
                      num_frames=4), r'blocks\.\d+', (2, 3, 4, 24, 40)),
    'timesformer': (dict(type='TimeSformer', num_frames=3, img_size=(16, 24), patch_size=8, embed_dims=24, num_heads=2,
                         num_transformer_layers=2), r'transformer_layers\.layers\.\d+', (2, 3, 3, 16, 24)),
    'mvit': (dict(type='MViT', arch=dict(embed_dims=8, num_layers=3, num_heads=1, downscale_indices=[1]),
                  spatial_size=32, temporal_size=4), r'blocks\.\d+', (2, 3, 4, 32, 32)),
    'swin': (dict(type='SwinTransformer3D', arch=dict(embed_dims=12, depths=[2, 2], num_heads=[2, 2]),
                  out_indices=(1, ), window_size=(2, 2, 2), pretrained2d=False), r'layers\.\d+\.blocks\.\d+',
             (2, 3, 4, 16, 24)),
}


def stock(layout):
    cfg, pattern, shape = STOCK[layout]
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    torch.manual_seed(1)
    return model, pattern, torch.randn(shape)


def shake(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith('adapters.') or '.adapters.' in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def by_position(model, position):
    """The adapters of that position, as a model injected once has them."""
    return model.adapters[f'FEAdapter_{position}']


def features(model, clip):
    """The first tensor that a backbone gives, in eval mode."""
    model.eval()                            # some stock backbones return None here
    with torch.no_grad():
        found = model(clip)
    while not isinstance(found, torch.Tensor):
        found = found[0]
    return found


def recogniser(name):
    torch.manual_seed(0)
    model = MODELS.build(small_config(name).model)
    model.init_weights()
    return model


def step(model, name, steps=2):
    """Optimisation steps as a run makes them, with a rate that shows."""
    optimizer = TunableOptimWrapperConstructor(dict(optimizer=dict(type='AdamW', lr=1e-2)))(model)
    clip = torch.randn(clip_shape(name)).unsqueeze(1)
    samples = [ActionDataSample().set_gt_label(label) for label in (1, 5)]
    model.train()
    for _ in range(steps):
        losses = model(clip, samples, mode='loss')
        optimizer.update_params(model.parse_losses(losses)[0])


@pytest.mark.parametrize('name', ADAPTED)
def test_mixed_configs_start_as_the_stock_model(name):
    cfg = small_config(name).model.backbone
    adapted, twin = MODELS.build(cfg), MODELS.build(cfg.backbone)
    twin.load_state_dict(adapted.state_dict(), strict=False)
    clip = torch.randn(clip_shape(name))
    torch.testing.assert_close(features(adapted, clip), features(twin, clip), rtol=0, atol=1e-6)
    assert not torch.allclose(features(shake(adapted), clip), features(twin, clip), atol=1e-3)


@pytest.mark.parametrize('name', ADAPTED)
def test_a_step_moves_adapters_and_head_and_no_frozen_byte(name):
    model = recogniser(name)
    before = copy.deepcopy(model.state_dict())
    step(model, name)
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    tunable = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert tunable == {key for key in before if key.startswith(('backbone.adapters.', 'cls_head.'))}
    assert moved <= tunable and {key for key in tunable if key.endswith(('up.weight', 'fc_cls.weight'))} <= moved
    assert len(moved) > 0.8 * len(tunable)


# Blocks that give what they take, where an adapter can stand beside them.
SAME_SHAPE = {'mvit': r'blocks\.[02]'}
KINDS = dict(fe=FE, st=dict(type='STAdapter', width=4), tma=dict(type='TemporalModelingAdapter', width=4, num_heads=2),
             s2d=dict(type='S2DTemporalAdapter', width=4, num_heads=2),
             bottleneck=dict(type='BottleneckAdapter', width=4),
             shared=dict(type='SharedAdapter', width=4, zero_init=True),
             tda=dict(type='TemporalDynamicAdapter', width=4), fru=dict(type='FRUAdapter', width=4),
             experts=dict(type='ExpertMixture', width=4, num_experts=3))
# The T of the tokens (T, H, W) that the blocks make of STOCK's clips.
FRAMES_IN_BLOCKS = dict(videomae=2, timesformer=3, mvit=2, swin=2)


@pytest.mark.parametrize('layout', STOCK)
@pytest.mark.parametrize('position', ['before', 'after', 'parallel'])
def test_nothing_is_added_at_the_start(layout, position):
    """Every adapter before, after and parallel to the blocks: the stock model's features, bit for bit."""
    original, pattern, clip = stock(layout)
    expected = features(original, clip)
    if position == 'parallel':
        pattern = SAME_SHAPE.get(layout, pattern)
    for kind, adapter in KINDS.items():
        if kind == 'fru':                                   # weighs clips of one length
            adapter = dict(adapter, frames=FRAMES_IN_BLOCKS[layout])
        model = inject_adapters(copy.deepcopy(original), pattern, adapter, layout, position)
        torch.testing.assert_close(features(model, clip), expected, rtol=0, atol=0, msg=kind)
        changed = features(shake(model), clip)
        assert (changed - expected).abs().max() > 1e-4, kind
        with adapters_off(model):
            torch.testing.assert_close(features(model, clip), expected, rtol=0, atol=0, msg=kind)


class Scaled(Adapter):
    """Adds a multiple of what it reads."""

    def __init__(self, dim, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, grid):
        return self.factor * x


def scaled(factor):
    return dict(type=Scaled, factor=factor)


def test_what_is_added_before_after_and_beside_the_blocks():
    """Against the blocks called by hand: y = block(x + A x) + P (x + A x), then y + B y, two parallel ones summing."""
    model, pattern, clip = stock('videomae')
    model.double()
    taken = []
    handle = model.blocks[0].register_forward_pre_hook(lambda block, args: taken.append(args[0]))
    features(model, clip.double())
    handle.remove()
    x = taken[0]
    twin = copy.deepcopy(model)
    for position, name, factor in (('before', 'a', .5), ('parallel', 'p', .25), ('parallel', 'q', -1.),
                                   ('after', 'b', 2.)):
        inject_adapters(model, pattern, scaled(factor), 'videomae', position, name=name)
    with torch.no_grad():
        for block in twin.blocks:
            x = x * 1.5
            x = 3 * (block(x) + .25 * x - x)
        expected = twin.fc_norm(x.mean(1)) if twin.fc_norm is not None else twin.norm(x)[:, 0]
    torch.testing.assert_close(features(model, clip.double()), expected, rtol=1e-10, atol=1e-10)
    assert list(model.adapters) == ['a', 'p', 'q', 'b'] and list(model.adapters['p']) == ['blocks_0', 'blocks_1']


def test_class_tokens_of_a_clip_pass_adapters_by():
    model, pattern, clip = stock('timesformer')
    given = []
    model.transformer_layers.layers[0].register_forward_hook(lambda block, args, out: given.append(out))
    features(model, clip)
    inject_adapters(model, r'transformer_layers\.layers\.0', scaled(1.), 'timesformer', 'after')
    features(model, clip)
    torch.testing.assert_close(given[1][:, 0], given[0][:, 0], rtol=0, atol=0)

    features(model, clip)
    seen = []
    model.transformer_layers.layers[1].register_forward_pre_hook(lambda block, args: seen.append(args[0]))
    features(model, clip)
    torch.testing.assert_close(seen[0][:, 0], given[0][:, 0], rtol=0, atol=0)
    torch.testing.assert_close(seen[0][:, 1:], 2 * given[0][:, 1:], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('layout', STOCK)
@pytest.mark.parametrize('position', ['before', 'after', 'parallel'])
def test_gradients_reach_all_adapters_but_those_that_nothing_reads(layout, position):
    model, pattern, clip = stock(layout)
    pattern = SAME_SHAPE.get(layout, pattern) if position == 'parallel' else pattern
    shake(inject_adapters(model, pattern, FE, layout, position)).eval()
    found = model(clip)
    while not isinstance(found, torch.Tensor):
        found = found[-1]                                   # the class token, where there is one
    found.square().sum().backward()
    unread = tuple(model.unread_adapters())
    assert bool(unread) == (layout in ('timesformer', 'mvit') and position != 'before')
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (parameter.grad.abs().max() == 0) == (bool(unread) and name.startswith(unread)), name


@pytest.mark.parametrize('layout', STOCK)
def test_state_dicts_load_both_ways(layout):
    model, pattern, _ = stock(layout)
    twin = copy.deepcopy(model)
    inject_adapters(model, pattern, FE, layout)
    assert {key for key in model.state_dict() if not key.startswith('adapters.')} == set(twin.state_dict())
    lacking = model.load_state_dict(twin.state_dict(), strict=False)
    assert not lacking.unexpected_keys and set(lacking.missing_keys) == {
        key for key in model.state_dict() if key.startswith('adapters.')}
    surplus = twin.load_state_dict(model.state_dict(), strict=False)
    assert not surplus.missing_keys and set(surplus.unexpected_keys) == set(lacking.missing_keys)


@pytest.mark.parametrize('layout', STOCK)
def test_stock_models_elsewhere_are_untouched(layout):
    older, pattern, clip = stock(layout)
    kind, keys, expected = type(older), list(older.state_dict()), features(older, clip)
    shake(inject_adapters(stock(layout)[0], pattern, FE, layout))
    for model in (older, stock(layout)[0]):
        assert type(model) is kind and not isinstance(model, AdaptedModel)
        assert list(model.state_dict()) == keys and all(parameter.requires_grad for parameter in model.parameters())
        assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())
        torch.testing.assert_close(features(model, clip), expected, rtol=0, atol=0)


class Probe(Adapter):
    """Keeps the volume (B, C, T, H, W) that an adapter would see, and adds nothing."""

    def __init__(self, dim):
        super().__init__()

    def forward(self, x, grid):
        self.volume = grid.to_volume(x).detach()
        return torch.zeros_like(x)


def videomae_volume(model, clip):
    return model.patch_embed.projection(clip)


def timesformer_volume(model, clip):
    positions = model.pos_embed[:, 1:].reshape(1, 2, 3, -1).permute(0, 3, 1, 2)         # (1, C, H, W)
    frames = [model.patch_embed.projection(clip[:, :, frame]) + positions + model.time_embed[0, frame][:, None, None]
              for frame in range(clip.shape[2])]
    return torch.stack(frames, dim=2)


def mvit_volume(model, clip):
    return model.patch_embed.projection(clip)


def swin_volume(model, clip):
    return model.patch_embed(clip)


@pytest.mark.parametrize('layout, volume', [('videomae', videomae_volume), ('timesformer', timesformer_volume),
                                            ('mvit', mvit_volume), ('swin', swin_volume)])
def test_adapters_see_time_height_and_width_where_they_are(layout, volume):
    model, pattern, clip = stock(layout)
    if layout == 'videomae':
        model.pos_embed.zero_()                     # resized for this clip; checked against the model elsewhere
    inject_adapters(model, pattern, dict(type=Probe), layout, name='probe')
    features(model, clip)
    first = next(iter(model.adapters['probe'].values()))
    torch.testing.assert_close(first.volume, volume(model, clip).detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('layout', STOCK)
def test_a_prediction_ignores_the_rest_of_the_batch(layout):
    model, pattern, clip = stock(layout)
    shake(inject_adapters(model, pattern, FE, layout)).double()
    clip = clip.double()
    torch.testing.assert_close(features(model, clip)[1:], features(model, clip[1:]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('layout', STOCK)
def test_frozen_parts_stay_in_eval_mode(layout):
    model, pattern, _ = stock(layout)
    inject_adapters(model, pattern, FE, layout)
    assert model.train() is model
    for name, module in model.named_modules():
        assert module.training == (name.split('.')[0] == 'adapters'), name
    assert not any(module.training for module in model.eval().modules())
    inject_adapters(model, pattern, FE, layout, position='after', freeze=False)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.train().modules()) and len(model.adapters) == 2


def test_a_copied_model_runs_its_own_adapters():
    model, pattern, clip = stock('videomae')
    inject_adapters(model, pattern, FE, 'videomae')
    expected = features(model, clip)
    twin = shake(copy.deepcopy(model))
    assert (features(twin, clip) - expected).abs().max() > 1e-2
    torch.testing.assert_close(features(model, clip), expected, rtol=0, atol=0)
    features(twin, clip[..., :24])                   # another grid in the copy must not reach the original
    torch.testing.assert_close(features(model, clip), expected, rtol=0, atol=0)


@pytest.mark.parametrize('layout', ['videomae', 'timesformer', 'mvit', 'swin'])
def test_init_weights_is_the_stock_classes_and_leaves_the_adapters_identity(layout):
    cfg, pattern, shape = STOCK[layout]
    adapted = MODELS.build(dict(type='AdaptedBackbone', backbone=cfg, pattern=pattern, layout=layout, adapter=FE))
    twin = MODELS.build(cfg)
    twin.load_state_dict(adapted.state_dict(), strict=False)
    before = copy.deepcopy(adapted.adapters.state_dict())
    for model in (adapted, twin):
        torch.manual_seed(3)
        model.init_weights()
    assert all(torch.equal(value, adapted.state_dict()[key]) for key, value in twin.state_dict().items())
    assert all(torch.equal(value, before[key]) for key, value in adapted.adapters.state_dict().items())
    clip = torch.ones(shape)
    torch.testing.assert_close(features(adapted, clip), features(twin, clip), rtol=0, atol=1e-6)


@pytest.mark.parametrize('layout', STOCK)
@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_stock_checkpoints_are_read(layout, prefix, tmp_path):
    model, pattern, clip = stock(layout)
    state = {f'{prefix}{key}': value for key, value in model.state_dict().items()}
    if prefix:
        state['cls_head.fc_cls.weight'] = torch.zeros(400, 24)
    torch.save(dict(state_dict=state), tmp_path / 'stock.pth')
    cfg = dict(type='AdaptedBackbone', backbone=STOCK[layout][0], pattern=pattern, layout=layout, adapter=FE,
               init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'stock.pth')))
    adapted = MODELS.build(cfg)
    adapted.init_weights()
    expected = features(model, clip)
    torch.testing.assert_close(features(adapted, clip), expected, rtol=0, atol=1e-6 * expected.abs().max().item())
    state.pop(next(key for key in state if key.endswith('norm1.weight') or key.endswith('norm.weight')))
    torch.save(state, tmp_path / 'stock.pth')
    with pytest.raises(CheckpointError, match='1 missing, 0 of another shape'):
        MODELS.build(cfg).init_weights()


def test_the_inner_backbones_own_pretrained_works(tmp_path):
    model, pattern, clip = stock('videomae')
    torch.save(model.state_dict(), tmp_path / 'stock.pth')
    inner = dict(STOCK['videomae'][0], init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'stock.pth')))
    adapted = MODELS.build(dict(type='AdaptedBackbone', backbone=inner, pattern=pattern, layout='videomae', adapter=FE))
    adapted.init_weights()
    torch.testing.assert_close(features(adapted, clip), features(model, clip), rtol=0, atol=1e-5)


def test_the_tunable_part_alone_goes_back_onto_the_frozen_weights(tmp_path):
    name = ADAPTED[0]
    cfg = small_config(name).model
    torch.save(MODELS.build(cfg.backbone.backbone).state_dict(), tmp_path / 'stock.pth')
    cfg.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'stock.pth'))
    trained, fresh = MODELS.build(cfg), MODELS.build(cfg)
    trained.init_weights()
    step(trained, name)
    save_tunable(trained, tmp_path / 'tunable.safetensors', {})
    load_into(fresh, str(tmp_path / 'tunable.safetensors'))         # reads the frozen part by init_cfg
    assert all(torch.equal(value, fresh.state_dict()[key]) for key, value in trained.state_dict().items())


@pytest.mark.parametrize('kwargs, message', [
    (dict(pattern=r'layers\.\d+'), r"pattern 'layers.*matches no module of VisionTransformer.*blocks\.0, blocks\.1"),
    (dict(pattern=r'block'), "pattern 'block' matches no module"),
    (dict(pattern=r'bloks\.\d+'), r"there are e\.g\. blocks\.0, blocks\.1"),
    (dict(pattern=r'blocks\.\d+\.attn'), r'matches blocks\.0\.attn, a Attention; .*around Block alone'),
    (dict(pattern=r'blocks'), 'matches blocks, a ModuleList'),
    (dict(layout='videomate'), "layout='videomate' is not known: did you mean 'videomae'.*swin, timesformer, videomae"),
    (dict(position='inside'), "slot='inside' is not a slot: .*after, before, parallel"),
    (dict(position='behind'), "slot='behind' is not a slot"), (dict(position='befor'), "did you mean 'before'"),
    (dict(adapter=dict(type='FEAdaptor')), "type='FEAdaptor' is not registered: did you mean 'FEAdapter'"),
    (dict(adapter=dict(FE, skip=False)), 'skip=False in before is not possible'),
    (dict(blocks='3'), "'3' is outside the 2 blocks"), (dict(name='before'), 'the name is that of a slot'),
    (dict(layout='swin'), 'around SwinTransformerBlock3D alone'),
])
def test_mistakes_are_named_and_leave_the_model_as_it_was(kwargs, message):
    model, pattern, _ = stock('videomae')
    keys = list(model.state_dict())
    with pytest.raises(ValueError, match=message):
        inject_adapters(model, **dict(dict(pattern=pattern, adapter=FE, layout='videomae'), **kwargs))
    assert not isinstance(model, AdaptedModel) and list(model.state_dict()) == keys


def test_more_mistakes():
    model, pattern, _ = stock('videomae')
    inject_adapters(model, r'blocks\.0', FE, 'videomae')
    with pytest.raises(ValueError, match=r"'FEAdapter_before': there is one of this name before blocks\.0 already"):
        inject_adapters(model, pattern, FE, 'videomae')
    with pytest.raises(ValueError, match=r"'FEAdapter_before': there is one of this name before other blocks"):
        inject_adapters(model, r'blocks\.1', FE, 'videomae', 'after', name='FEAdapter_before')
    inject_adapters(model, r'blocks\.1', FE, 'videomae')
    assert list(model.adapters) == ['FEAdapter_before'] and model.adapters.training
    assert list(by_position(model, 'before')) == ['blocks_0', 'blocks_1']
    with pytest.raises(ValueError, match='space_only.*AdapterViT'):
        inject_adapters(MODELS.build(dict(STOCK['timesformer'][0], attention_type='space_only')),
                        STOCK['timesformer'][1], FE, 'timesformer')
    with pytest.raises(ValueError, match='AdaptedBackbone: init_cfg='):
        MODELS.build(dict(type='AdaptedBackbone', backbone=STOCK['videomae'][0], pattern=pattern, layout='videomae',
                          adapter=FE, init_cfg=dict(type='Normal')))
    assert set(LAYOUTS) == set(STOCK)


def test_a_block_that_changes_its_tokens_takes_no_parallel_adapter():
    model, pattern, clip = stock('mvit')
    with pytest.raises(ValueError, match='takes tokens of width 8 and gives 16: .*parallel'):
        inject_adapters(copy.deepcopy(model), pattern, FE, 'mvit', 'parallel')
    pooled = MODELS.build(dict(STOCK['mvit'][0], arch=dict(STOCK['mvit'][0]['arch'], downscale_indices=[2]),
                               dim_mul_in_attention=False))
    inject_adapters(pooled, r'blocks\.2', FE, 'mvit', 'parallel')
    with pytest.raises(ValueError, match='parallel to a block that takes tokens .* has nothing to be added to'):
        features(pooled, clip)


def test_adapters_by_name_in_a_config():
    """Several, some of the blocks, one left out, as AdapterViT has them; one alone in the form of older configs."""
    cfg, pattern, clip = STOCK['videomae']

    def build(**kwargs):
        torch.manual_seed(0)
        return MODELS.build(dict(type='AdaptedBackbone', backbone=cfg, pattern=pattern, layout='videomae', **kwargs))
    model = build(adapters=dict(fe=dict(FE, blocks='2'), st=dict(KINDS['st'], slot='parallel'), off=None))
    assert model.positions == dict(fe='before', st='parallel')
    assert list(model.adapters['fe']) == ['blocks_1'] and list(model.adapters['st']) == ['blocks_0', 'blocks_1']
    old, new = build(adapter=FE, position='after'), build(adapters=[dict(FE, slot='after')])
    assert list(old.state_dict()) == list(new.state_dict())
    assert 'adapters.FEAdapter_after.blocks_0.up.bias' in old.state_dict()
    bare = build(adapters=dict(fe=None))
    assert not any(parameter.requires_grad for parameter in bare.parameters()) and not bare.train().blocks.training
    torch.testing.assert_close(features(bare, torch.ones(clip)), features(build(adapter=FE), torch.ones(clip)))
    with pytest.raises(ValueError, match="slot='beside' is not a slot"):
        build(adapters=dict(fe=dict(FE, slot='beside')))


def test_only_adapters_count_as_tunable():
    model, pattern, _ = stock('mvit')
    total = count_parameters(model)[1]
    inject_adapters(model, pattern, dict(type='BottleneckAdapter', reduction=4), 'mvit')
    expected = sum(2 * dim * dim // 4 + dim // 4 + dim for dim in (8, 8, 16))           # the blocks' input widths
    assert count_parameters(model) == (expected, total + expected)
