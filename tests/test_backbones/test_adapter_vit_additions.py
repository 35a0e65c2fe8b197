"""LoRA, the temporal embedding and the tunable last norm: nothing new at the start, stock names, small files."""
import pytest
import torch
from mmpretrain.models.backbones.vision_transformer import VisionTransformer
from torch import nn

from mmdfer.backbones.adapter_vit import AdapterViT
from mmdfer.backbones.freezing import count_parameters
from mmdfer.weights import CheckpointError, frozen_digest, is_added, load_vit, load_weights, save_tunable, tunable_names
from mmdfer.weights.added import added

from .test_adapter_vit import build, shake_adapters

AIM = dict(temporal=dict(type='BottleneckAdapter', slot='temporal_attn', drop_path=0.4),
           spatial=dict(type='BottleneckAdapter', slot='attn_out'),
           mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', scale=0.5, drop_path=0.4))
LORA = dict(rank=4, alpha=8, targets=['qkv', 'proj'])
EVERY_LAYER = dict(rank=4, alpha=8, targets=['q', 'k', 'v', 'proj', 'fc1', 'fc2'])
KINDS = {
    'lora': dict(lora=LORA),
    'lora_everywhere': dict(lora=EVERY_LAYER),
    'fru': dict(adapters=dict(fru=dict(type='FRUAdapter', slot='parallel_block', width=8, frames=4)), tune_norms=True,
                tune_cls_token=True),
    'aim': dict(adapters=AIM, temporal_embedding=4, tune_final_norm=True),
    'tda': dict(adapters=dict(tda=dict(type='TemporalDynamicAdapter', slot='ffn_out'))),
    'tma': dict(adapters=dict(tma=dict(type='TemporalModelingAdapter', slot='before_attn', width=8))),
}


def shake(model):
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def clips(batch=2, frames=4):
    return torch.randn(batch, 3, frames, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('kind', KINDS)
def test_a_new_one_gives_the_plain_models_features_and_reads_its_file(kind, tmp_path):
    plain = build()
    torch.save(plain.state_dict(), tmp_path / 'plain.pth')
    model = build(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'plain.pth')), **KINDS[kind])
    nn.init.normal_(model.layers[0].ln2.weight)
    model.init_weights()
    torch.testing.assert_close(model.eval()(clips()), plain.eval()(clips()), rtol=0, atol=1e-6)


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_reach_what_is_tunable_and_nothing_else(kind):
    model = shake(build(**KINDS[kind])).train()
    before = frozen_digest(model)
    model(clips(4)).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None and parameter.grad.abs().sum() > 0) == parameter.requires_grad, name
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    optimizer.step()
    assert frozen_digest(model) == before


@pytest.mark.parametrize('kind', KINDS)
def test_a_clips_features_ignore_the_rest_of_the_batch(kind):
    model, x = shake(build(**KINDS[kind])).eval().double(), clips(3).double()
    whole = model(x)
    torch.testing.assert_close(whole[1:2], model(x[1:2]), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(whole.flip(0), model(x.flip(0)), rtol=1e-10, atol=1e-10)


def test_with_the_releases_run_they_do_not():
    with pytest.warns(UserWarning, match='across_batch'):
        model = build(adapters=dict(tda=dict(type='TemporalDynamicAdapter', slot='ffn_out', across_batch=True)))
    model = shake_adapters(model).eval().double()
    x = clips(3).double()
    whole = model(x)
    torch.testing.assert_close(whole[:1], model(x[:1]), rtol=1e-10, atol=1e-10)
    assert (whole[1:2] - model(x[1:2])).abs().max() > 1e-3
    assert (whole.flip(0) - model(x.flip(0))).abs().max() > 1e-3


@pytest.mark.parametrize('kind', KINDS)
def test_the_tunable_part_comes_back(kind, tmp_path):
    trained, fresh = shake(build(**KINDS[kind])), build(**KINDS[kind])
    save_tunable(trained, tmp_path / 't.safetensors', {})
    load_weights(fresh, tmp_path / 't.safetensors')
    torch.testing.assert_close(fresh.eval()(clips()), trained.eval()(clips()), rtol=0, atol=0)
    other = shake(build(**KINDS[kind]))
    nn.init.normal_(other.pos_embed)
    with pytest.raises(CheckpointError, match='other frozen weights'):
        load_weights(other, tmp_path / 't.safetensors')


def test_lora_keeps_the_stock_names_and_adds_its_own():
    plain, model = build(), build(lora=LORA)
    added = set(model.state_dict()) - set(plain.state_dict())
    assert set(plain.state_dict()) <= set(model.state_dict())
    assert added == tunable_names(model)
    assert added == {f'layers.{block}.attn.{layer}.lora_{side}.weight' for block in range(3)
                     for layer in ('qkv', 'proj') for side in ('down', 'up')}
    model.load_state_dict(model.state_dict())


def test_lora_is_the_low_rank_update():
    model, plain = shake(build(lora=LORA)), build()
    state = model.state_dict()
    for name in plain.state_dict():
        if name.endswith(('qkv.weight', 'proj.weight')):
            layer = name.removesuffix('.weight')
            state[name] = state[name] + 8 / 4 * state[f'{layer}.lora_up.weight'] @ state[f'{layer}.lora_down.weight']
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    torch.testing.assert_close(model.eval()(clips()), plain.eval()(clips()), rtol=1e-5, atol=1e-5)


def test_each_of_queries_keys_and_values_has_an_update_of_its_own_and_so_has_each_layer_of_the_mlp():
    model, plain = shake(build(lora=EVERY_LAYER)), build()
    state = model.state_dict()
    for block in (f'layers.{number}.' for number in range(3)):
        updates = [state[f'{block}attn.qkv.lora_{part}.up.weight'] @ state[f'{block}attn.qkv.lora_{part}.down.weight']
                   for part in 'qkv']
        state[f'{block}attn.qkv.weight'] = state[f'{block}attn.qkv.weight'] + 8 / 4 * torch.cat(updates)
        for layer in ('attn.proj', 'ffn.layers.0.0', 'ffn.layers.1'):
            up, down = (state[f'{block}{layer}.lora_{side}.weight'] for side in ('up', 'down'))
            state[f'{block}{layer}.weight'] = state[f'{block}{layer}.weight'] + 8 / 4 * up @ down
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    torch.testing.assert_close(model.eval()(clips()), plain.eval()(clips()), rtol=1e-5, atol=1e-5)
    values = build(lora=dict(rank=4, targets=['v']))
    assert tunable_names(values) == {f'layers.{block}.attn.qkv.lora_v.{side}.weight' for block in range(3)
                                     for side in ('down', 'up')}


@pytest.mark.parametrize('lora', [LORA, EVERY_LAYER])
def test_lora_drops_in_training_alone(lora):
    model = shake(build(lora=dict(lora, drop_rate=0.5)))
    assert (model.train()(clips()) - model(clips())).abs().max() > 1e-3
    assert not model.drop_after_pos.training
    torch.testing.assert_close(model.eval()(clips()), model(clips()), rtol=0, atol=0)


def test_lora_count():
    model = AdapterViT('base', lora=dict(rank=8))
    assert count_parameters(model)[0] == 12 * 8 * (768 + 3 * 768) == 294_912
    assert {added(name) for name in tunable_names(build(lora=EVERY_LAYER))} == {
        ('lora', name) for name in ('qkv', 'proj', 'fc1', 'fc2')}


def test_the_mean_of_patches_and_the_norm_behind_it_are_mmpretrains(tmp_path):
    """As its own ViT of that output computes them; a file of such a model, or of one by its class token, is read."""
    model = shake(build(out_type='avg_featmap', final_norm=False, freeze=False)).eval()
    stock = VisionTransformer(
        dict(embed_dims=24, num_layers=3, num_heads=4, feedforward_channels=48), img_size=16, patch_size=8,
        out_type='avg_featmap', final_norm=False)
    stock.eval()
    stock.load_state_dict(model.state_dict())
    frames = clips().transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(model(clips()).flatten(0, 1), stock(frames)[0], rtol=1e-5, atol=1e-6)
    timm = model.state_dict()
    for ours, theirs in (('.ln', '.norm'), ('ln2.', 'fc_norm.'), ('layers.0.0.', 'fc1.'), ('ffn.layers.1.', 'mlp.fc2.'),
                         ('ffn.', 'mlp.'), ('layers.', 'blocks.'), ('projection.', 'proj.')):
        timm = {name.replace(ours, theirs): value for name, value in timm.items()}
    torch.save(timm, tmp_path / 'of_patches.pth')
    torch.save(build().state_dict(), tmp_path / 'of_class_token.pth')
    for file, note in (('of_patches', ''), ('of_class_token', 'starts anew')):
        fresh = build(out_type='avg_featmap', final_norm=False)
        report = load_vit(fresh, tmp_path / f'{file}.pth')
        assert note in str(report) and 'fine-tune it' not in str(report)
        kept = model if file == 'of_patches' else fresh
        assert fresh.ln2.weight.equal(kept.ln2.weight) and fresh.unread_adapters() == []
    assert (fresh.ln2.weight == 1).all() and not fresh.ln2.bias.any()


def test_temporal_embedding_is_added_to_every_token_of_its_frame_before_the_norm():
    model = build(temporal_embedding=4, pre_norm=True)
    assert model.temporal_embedding.shape == (1, 4, 24) and not model.temporal_embedding.any()
    images = clips().transpose(1, 2).flatten(0, 1)
    model.pre_norm = nn.Identity()
    before, grid = model.embed(images, 4)
    nn.init.normal_(model.temporal_embedding)
    after, _ = model.embed(images, 4)
    expected = model.temporal_embedding[0].repeat(2, 1)[:, None].expand(-1, grid.tokens, -1)
    torch.testing.assert_close(after - before, expected, rtol=1e-5, atol=1e-5)


def test_temporal_embedding_is_resized_to_the_clip():
    """A line over the frames stays a line, and a constant stays itself."""
    model = build(temporal_embedding=4)
    images = torch.zeros(8, 3, 16, 16)
    plain, _ = model.embed(images, 8)
    with torch.no_grad():
        model.temporal_embedding[0, :, 0] = torch.tensor([0., 1., 2., 3.])
        model.temporal_embedding[0, :, 1] = 5.
    added = (model.embed(images, 8)[0] - plain)[:, 0]
    torch.testing.assert_close(added[1:-1, 0], torch.tensor([0.25, 0.75, 1.25, 1.75, 2.25, 2.75]), rtol=0, atol=1e-5)
    torch.testing.assert_close(added[:, 1], torch.full((8, ), 5.), rtol=0, atol=1e-5)


def test_average_frames_is_the_norm_of_the_mean_class_token():
    model = build(average_frames=True).eval()
    nn.init.normal_(model.ln1.weight)
    seen = []
    handle = model.layers[-1].register_forward_hook(lambda module, args, output: seen.append(output[:, 0]))
    features = model(clips())
    handle.remove()
    expected = model.ln1(seen[0].reshape(2, 4, 24).mean(dim=1))
    torch.testing.assert_close(features, expected[:, None].expand(2, 4, 24), rtol=1e-5, atol=1e-6)


def test_stochastic_depth_of_frozen_blocks_acts_in_training_alone():
    model, plain = build(drop_path_rate=0.9), build()
    model.load_state_dict(plain.state_dict())
    expected = plain.eval()(clips())
    torch.testing.assert_close(model.eval()(clips()), expected, rtol=0, atol=0)
    torch.manual_seed(0)
    assert (model.train()(clips()) - expected).abs().max() > 1e-3
    assert not model.layers[0].ln1.training and not model.drop_after_pos.training


def test_drop_path_rises_over_the_blocks():
    model = build(adapters=AIM)
    rates = [block.adapters['temporal'].drop_path.drop_prob for block in model.layers]
    assert rates == pytest.approx([0., 0.2, 0.4])


@pytest.mark.parametrize('kwargs, message', [
    (dict(lora=dict(rank=0)), 'rank=0 must be positive'),
    (dict(lora=dict(targets=['ffn'])), r"targets=\['ffn'\] is not known: expected a list of qkv, proj"),
    (dict(lora=dict(targets=['qkv', 'v'])), 'one update of queries, keys and values and one of v: choose'),
    (dict(out_type='raw'), "out_type='raw' is not known: choose one of cls_token, avg_featmap"),
    (dict(lora=dict(targets='qkv')), "targets='qkv'.*expected a list"),
    (dict(lora=dict(rank=4), freeze=False), 'set freeze=True'),
    (dict(temporal_embedding=-1), 'temporal_embedding=-1'),
])
def test_mistakes_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


@pytest.mark.parametrize('kind', KINDS)
def test_a_trained_model_is_read_as_the_image_model_it_stands_on(kind, tmp_path):
    """What was added is not used, and said to be adapters."""
    trained = shake(build(**KINDS[kind]))
    torch.save(trained.state_dict(), tmp_path / 'trained.pth')
    plain = build()
    nn.init.normal_(plain.cls_token)
    report = load_vit(plain, tmp_path / 'trained.pth')
    assert set(report.unexpected) == {name for name in trained.state_dict() if is_added(name)}
    assert 'not used: adapters (' in str(report) and ', other (' not in str(report)
    assert torch.equal(plain.cls_token, trained.cls_token)
