"""DK-CLIP: its released names, its logits computed apart, equal snippets, what trains, and what is refused."""
import math

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch.nn import functional as F

from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.counting import build_shapes
from mmdfer.explain.similarity import text_similarity
from mmdfer.heads.snippet_parts import snippet_weights
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.run_towers import set_image_checkpoint
from mmdfer.text import class_texts, tokenize
from mmdfer.weights import CheckpointError, read_checkpoint
from mmdfer.weights.neighbours.dk_clip import SETS, convert

from ..test_text import clip_models as clip
from ..test_weights.test_releases import attend, embed_frames, linear, mlp, norm, part, shapes

CONFIG, WIDTH, PROJ, SIDE, BLOCKS = 'neighbours/dk_clip_dfew', 128, 64, 4, 2
IMAGE = dict(embed_dims=WIDTH, num_layers=BLOCKS, num_heads=WIDTH // 64, feedforward_channels=4 * WIDTH)
TEXT = dict(embed_dims=PROJ, num_layers=BLOCKS, num_heads=1, feedforward_channels=4 * PROJ, proj_dim=PROJ)
FULL = {768: WIDTH, 2304: 3 * WIDTH, 3072: 4 * WIDTH, 512: PROJ, 1536: 3 * PROJ, 2048: 4 * PROJ, 197: SIDE**2 + 1}


def small(**backbone):
    cfg = load_config(CONFIG)
    cfg.model.backbone.update(arch=IMAGE, img_size=8 * SIDE, patch_size=8, proj_dim=PROJ, **backbone)
    cfg.model.cls_head.update(in_channels=PROJ)
    cfg.model.cls_head.text_encoder.arch = TEXT
    return cfg


def small_file(seed=0):
    """A file under the released names of two blocks and small widths, norms about 1."""
    generator, state = torch.Generator().manual_seed(seed), {}
    for key, shape in shapes('dk_clip').items():
        if any(f'blocks.{index}.' in key for index in range(BLOCKS, 12)):
            continue
        shape = [8 if key.endswith('conv1.weight') and size == 16 else FULL.get(size, size) for size in shape]
        value = torch.randn(shape, generator=generator)
        plain = len(shape) > 1 and 'embedding' not in key
        value *= 0.7 * value[0].numel()**-0.5 if plain else 0.1
        state[key] = value + (len(shape) == 1 and key.endswith('weight'))
    state['logit_scale'] = torch.tensor(math.log(20))
    return state


@pytest.fixture(scope='module')
def released():
    return small_file()


@pytest.fixture(scope='module')
def model(released):
    init_default_scope('mmaction')
    model = MODELS.build(small().model).eval()
    model.load_state_dict(convert(released, 'best.pth').state)
    return model.double()


@pytest.fixture(scope='module')
def clips():
    return torch.randn(3, 3, 16, 8 * SIDE, 8 * SIDE, generator=torch.Generator().manual_seed(1)).double()


# The release's computation, under its names, one clip at a time.

def message_blocks(s, x, frames):
    """Tokens (frames, L, C), the frames of one snippet or the snippets of one clip."""
    for block in (f'transformer.resblocks.{index}' for index in range(BLOCKS)):
        message = linear(s, f'{block}.message_fc', x[:, 0])[None]
        inner = {f'{block}.attn.{name}': s[f'{block}.message_attn.{name}']
                 for name in ('in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias')}
        message = message + attend(inner, block, norm(s, f'{block}.message_ln', message))
        longer = torch.cat([x, message[0][:, None]], dim=1)
        x = (longer + attend(s, block, norm(s, f'{block}.ln_1', longer)))[:, :-1]
        x = x + mlp(s, block, norm(s, f'{block}.ln_2', x))
    assert len(x) == frames
    return x


def text_features(s, texts):
    tokens = tokenize(texts)
    x = s['token_embedding.weight'][tokens] + s['positional_embedding']
    for block in (f'transformer.resblocks.{index}' for index in range(BLOCKS)):
        x = x + attend(s, block, norm(s, f'{block}.ln_1', x), causal=True)
        x = x + mlp(s, block, norm(s, f'{block}.ln_2', x))
    return norm(s, 'ln_final', x)[torch.arange(len(texts)), tokens.argmax(1)] @ s['text_projection']


def enhance(s, t, v):
    v = norm(s, 'norm', v)
    for block in ('decoder.0', 'decoder.1'):
        q, k, v_ = (F.linear(x, s[f'{block}.cross_attn.{name}.weight'])
                    for name, x in (('q_proj', norm(s, f'{block}.norm1', t)), ('k_proj', v), ('v_proj', v)))
        t = t + linear(s, f'{block}.cross_attn.proj', (q @ k.T / 8).softmax(-1) @ v_)
        hidden = linear(s, f'{block}.mlp.0', norm(s, f'{block}.norm3', t))
        t = t + linear(s, f'{block}.mlp.3', hidden * torch.sigmoid(1.702 * hidden))
    return s['alpha'] * t


def release_logits(state, clip, texts):
    """Global and local logits (K,) of a clip (3, 16, H, W)."""
    s, frames = part(state, 'visual.'), clip.transpose(0, 1)
    snippets = [message_blocks(s, embed_frames(s, four), 4) for four in frames.split(4)]
    features = torch.stack([(norm(s, 'ln_post', x[:, 0]) @ s['proj']).mean(0) for x in snippets])
    means = torch.stack([x[:, 1:].mean(0) for x in snippets])
    s = part(state, 'visual_semantic.')
    x = torch.cat([s['class_embedding'].expand(4, 1, -1), means], dim=1) + s['positional_embedding']
    patches = message_blocks(s, norm(s, 'ln_pre', x), 4)[:, 1:]
    patches = norm(state, 'prompts_visual_ln', patches) @ state['prompts_visual_proj']
    s = part(state, 'msim.')
    x = features[None] + s['positional_embedding']
    x = x + attend(s, 'resblocks.0', norm(s, 'resblocks.0.ln_1', x))
    x = x + mlp(s, 'resblocks.0', norm(s, 'resblocks.0.ln_2', x))
    g = (x[0] + features).mean(0)
    near = F.normalize(features, dim=-1) @ F.normalize(g, dim=-1)
    weights = ((near - near.min()) / (near.max() - near.min())).softmax(0)
    kept = weights >= 0.15
    t = text_features(state, texts)
    t = F.normalize(t + enhance(part(state, 'prompts_generator_cmam.'), t, patches[kept].mean(0)), dim=-1)
    scale = state['logit_scale'].exp()
    local = (weights * kept)[:, None] * (F.normalize(features, dim=-1) @ t.T)
    return scale * t @ F.normalize(g, dim=-1), scale * local.sum(0), kept


@torch.no_grad()
def test_a_released_file_gives_its_own_logits(released, model, clips):
    texts = [text for text, in class_texts('dfew', 'noun_and_action_units')]
    state = {name: value.double() for name, value in released.items()}
    found = model.cls_head.logits(model.backbone(clips))
    theirs = [release_logits(state, clip, texts) for clip in clips]
    for ours, each in zip(found, list(zip(*theirs, strict=True))[:2], strict=True):
        torch.testing.assert_close(ours, torch.stack(each), rtol=1e-5, atol=1e-7)
    kept = torch.stack([one[2] for one in theirs])
    assert 0 < kept.sum() < kept.numel()                # some snippets are erased, some are not


@torch.no_grad()
def test_a_clip_ignores_the_rest_of_its_batch(model, clips):
    together = model(clips[:, None], mode='tensor', stage='head')
    alone = torch.cat([model(clip[None, None], mode='tensor', stage='head') for clip in clips])
    turned = model(clips.flip(0)[:, None], mode='tensor', stage='head').flip(0)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-9)
    torch.testing.assert_close(together, turned, rtol=0, atol=1e-9)


@torch.no_grad()
def test_a_still_keeps_every_snippet_alike(model, clips):
    still = clips[:1, :, :1].expand(-1, -1, 16, -1, -1)
    features, _ = snippets = model.backbone(still)
    assert (features - features[:, :1]).abs().max() < 1e-9
    whole, local = model.cls_head.logits(snippets)
    assert whole.isfinite().all() and local.isfinite().all()
    weights, kept = snippet_weights(torch.tensor([[0.3, 0.3, 0.3, 0.3], [0.1, 0.5, 0.5, 0.5]]), 0.15)
    assert kept.tolist() == [[True] * 4, [False, True, True, True]]
    torch.testing.assert_close(weights[0], torch.full((4, ), 0.25))


@torch.no_grad()
def test_similarity_is_the_clips_features_with_the_texts_before_they_read_it(released, model, clips):
    cosines, negative = text_similarity(model, clips[:, None])
    state = {name: value.double() for name, value in released.items()}
    texts = text_features(state, [text for text, in class_texts('dfew', 'noun_and_action_units')])
    features = F.normalize(model.cls_head.integration(model.backbone(clips).features), dim=-1)
    torch.testing.assert_close(cosines.double(), features @ F.normalize(texts, dim=-1).T, rtol=1e-5, atol=1e-6)
    assert negative is None


@torch.no_grad()
def test_scores_are_the_clips_the_snippets_or_both(model, clips):
    head, snippets = model.cls_head, model.backbone(clips)
    whole, local = head.logits(snippets)
    wanted = dict(local=local.softmax(1), both=(whole.softmax(1) + local.softmax(1)) / 2)
    wanted['global'] = whole.softmax(1)
    for scores, probabilities in wanted.items():
        head.scores = scores
        torch.testing.assert_close(head(snippets).softmax(1), probabilities)
    assert scores == 'global'


def test_names_and_shapes_are_the_full_models():
    full = {name: torch.empty(shape, device='meta') for name, shape in shapes('dk_clip').items()}
    release = convert(full, 'best.pth')
    ours = build_shapes(load_config(CONFIG).model).state_dict()
    assert {key: value.shape for key, value in ours.items()} == \
        {key: value.shape for key, value in release.state.items()}
    assert [release.config_on(name) for name in SETS] == [f'configs/neighbours/dk_clip_{name}.py' for name in SETS]
    assert sorted(release.unused) == [f'visual_semantic.{name}' for name in ('ln_post.bias', 'ln_post.weight', 'proj')]


def test_a_file_is_converted_for_its_set_and_refused_by_name(released, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdfer.apis.convert_release.load_config', lambda name: small())
    source, target = tmp_path / 'best.pth', tmp_path / 'out.safetensors'

    def run(state, dataset='mafw'):
        torch.save(dict(model=state, epoch=3), source)
        return convert_release('dk_clip', source, target, True, dataset)

    report = run(released)
    assert 'mmdfer test configs/neighbours/dk_clip_mafw.py' in report and 'model.cls_head.texts.file' in report
    assert read_checkpoint(target)['meta']['classes'][7:] == ['contempt', 'anxiety', 'helplessness', 'disappointment']
    with pytest.raises(ValueError, match='does not tell its classes; give the set .* by --dataset'):
        run(released, None)
    with pytest.raises(CheckpointError, match='mit.positional_embedding .* is no tensor of dk_clip'):
        run(released | {'mit.positional_embedding': torch.zeros(1, 4, PROJ)})
    lacking = {name: value for name, value in released.items() if name != 'msim.resblocks.0.ln_1.bias'}
    with pytest.raises(CheckpointError, match='cls_head.integration.layers.0.ln1.bias is missing'):
        run(lacking)
    with pytest.raises(CheckpointError, match=r'backbone.pos_embed is \(1, 5, 128\), not \(1, 17, 128\)'):
        run(released | {'visual.positional_embedding': torch.zeros(5, WIDTH)})


def test_the_second_stack_starts_from_clips_weights(tmp_path):
    theirs = clip.open_clip_model(IMAGE, TEXT, 8 * SIDE, 8)
    torch.save(theirs.state_dict(), tmp_path / 'clip.pt')
    cfg = small(semantics='frozen')
    set_image_checkpoint(cfg, str(tmp_path / 'clip.pt'))
    model = MODELS.build(cfg.model)
    model.init_weights()
    own, stack = model.backbone.layers.state_dict(), model.backbone.semantic_stack
    same = {name for name, value in stack.layers.state_dict().items() if torch.equal(value, own[name])}
    weights = {name for name, value in own.items() if value.ndim == 2}
    assert weights - same == {name for name in weights if '.message.' in name}
    torch.testing.assert_close(stack.pos_embed[0], theirs.visual.positional_embedding)
    assert {name for name, value in stack.named_parameters() if value.requires_grad} == \
        {name for name, _ in stack.named_parameters() if '.message.' in name}


@pytest.mark.parametrize('epoch', [0, 14])
def test_a_step_trains_what_should_and_the_snippets_terms_end(epoch):
    torch.manual_seed(0)
    cfg = small()
    model = MODELS.build(cfg.model)
    model.init_weights()
    MessageHub.get_instance(f'dk_clip_{epoch}').update_info('epoch', epoch)
    data = dict(inputs=[torch.randint(256, (1, 3, 16, 32, 32), dtype=torch.uint8) for _ in range(2)],
                data_samples=[sample(label) for label in (0, 3)])
    losses = model.loss(**model.data_preprocessor(data, training=True))
    assert ({'loss_local', 'loss_consistency'} <= set(losses)) == (epoch < 14)
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    lacking = {name for name, value in model.named_parameters() if value.requires_grad and value.grad is None}
    assert not lacking
    assert not any(value.requires_grad for name, value in model.named_parameters() if 'text_encoder' in name)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    rates = {id(parameter): group['lr'] for group in groups for parameter in group['params']}
    fast = {name for name, value in model.named_parameters() if rates.get(id(value)) == pytest.approx(2e-5)}
    assert fast == {name for name, value in model.named_parameters() if value.requires_grad and
                    ('message' in name or 'patch_' in name.replace('patch_embed', '') or name.startswith('cls_head'))}


def sample(label):
    return ActionDataSample().set_gt_label(label)


@pytest.mark.parametrize('change, message', [
    (dict(backbone=dict(semantics='random')), "semantics='random' is not known: choose one of trained"),
    (dict(backbone=dict(proj_dim=None)), 'is a CLIP tower: set proj_dim'),
    (dict(cls_head=dict(scores='sum')), "scores='sum' is not known: choose one of global"),
    (dict(cls_head=dict(reduce='max')), 'leave out temporal, projection'),
])
def test_a_wrong_setting_is_told(change, message):
    cfg = small()
    cfg.merge_from_dict(dict(model=change))
    with pytest.raises(ValueError, match=message):
        build_shapes(cfg.model)


def test_a_clip_that_makes_no_snippets_and_a_head_of_others_are_told(model):
    with pytest.raises(ValueError, match='T a multiple of its 4 snippets, got .*: set num_frames'):
        model.backbone(torch.zeros(1, 3, 10, 32, 32).double())
    with pytest.raises(ValueError, match=r'expects snippets \(B, 4, 64\)'):
        model.cls_head((torch.zeros(1, 3, PROJ), torch.zeros(1, 3, 16, PROJ)))


def test_released_parts_warn():
    cfg = load_config('neighbours/dk_clip_released_dfew')
    with pytest.warns(UserWarning) as told:
        model = build_shapes(cfg.model)
    assert len({str(one.message) for one in told if 'random and frozen' in str(one.message)}) == 2
    assert not any(value.requires_grad for value in model.backbone.semantic_stack.parameters())
    assert not any(value.requires_grad for value in model.cls_head.integration.parameters())
