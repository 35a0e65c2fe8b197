"""Small files under the names of DFER-CLIP's and PE-CLIP's releases, and what the releases compute from frames.

Written from the releases' equations in plain functions on their names; frames are read and resized by Pillow.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from mmdfer.text import tokenize

from ..conftest import ROOT
from .test_releases import attend, embed_frames, heads_attend as heads_of, linear, mlp, norm, part

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'
WIDTH, PROJ, WORDS = 64, 64, 49408
ARCH = dict(embed_dims=WIDTH, num_layers=2, num_heads=1, feedforward_channels=4 * WIDTH)


def clip_shapes(blocks: int, patch: int, proj: int = PROJ) -> dict[str, dict[str, tuple[int, ...]]]:
    """Names and shapes of CLIP's two towers as OpenAI's code has them."""
    block = {'attn.in_proj_weight': (3 * WIDTH, WIDTH), 'attn.in_proj_bias': (3 * WIDTH, ),
             'attn.out_proj.weight': (WIDTH, WIDTH), 'attn.out_proj.bias': (WIDTH, ),
             'mlp.c_fc.weight': (4 * WIDTH, WIDTH), 'mlp.c_fc.bias': (4 * WIDTH, ),
             'mlp.c_proj.weight': (WIDTH, 4 * WIDTH), 'mlp.c_proj.bias': (WIDTH, ),
             **{f'ln_{number}.{name}': (WIDTH, ) for number in (1, 2) for name in ('weight', 'bias')}}
    stack = {f'transformer.resblocks.{index}.{name}': shape for index in range(blocks) for name, shape in block.items()}
    norms = {name: {f'{name}.{kind}': (WIDTH, ) for kind in ('weight', 'bias')}
             for name in ('ln_pre', 'ln_post', 'ln_final')}
    image = {'class_embedding': (WIDTH, ), 'positional_embedding': ((224 // patch)**2 + 1, WIDTH),
             'proj': (WIDTH, proj), 'conv1.weight': (WIDTH, 3, patch, patch), **norms['ln_pre'], **stack,
             **norms['ln_post']}
    text = {'positional_embedding': (77, WIDTH), 'text_projection': (WIDTH, proj), **stack, **norms['ln_final']}
    return dict(image_encoder=image, text_encoder=text)


def whole_clip(towers: dict) -> dict[str, tuple[int, ...]]:
    """The CLIP model that the releases keep besides, which holds the towers again."""
    return {**{f'visual.{name}': shape for name, shape in towers['image_encoder'].items()}, **towers['text_encoder'],
            'token_embedding.weight': (WORDS, WIDTH), 'logit_scale': ()}


def dfer_clip_shapes(classes: int, blocks: int = 2, patch: int = 32) -> dict[str, tuple[int, ...]]:
    towers, context = clip_shapes(blocks, patch), 8
    layer = 'temporal_net.temporal_transformer.layers.0.'
    temporal = {'temporal_net.cls_token': (1, 1, PROJ), 'temporal_net.pos_embedding': (1, 17, PROJ),
                **{f'{layer}{place}.fn.norm.{kind}': (PROJ, ) for place in (0, 1) for kind in ('weight', 'bias')},
                f'{layer}0.fn.fn.to_qkv.weight': (3 * PROJ, PROJ), f'{layer}0.fn.fn.to_out.0.weight': (PROJ, PROJ),
                f'{layer}0.fn.fn.to_out.0.bias': (PROJ, ), f'{layer}1.fn.fn.net.0.weight': (2 * PROJ, PROJ),
                f'{layer}1.fn.fn.net.0.bias': (2 * PROJ, ), f'{layer}1.fn.fn.net.3.weight': (PROJ, 2 * PROJ),
                f'{layer}1.fn.fn.net.3.bias': (PROJ, )}
    return {**learner_shapes(classes, (classes, context, WIDTH), context), **temporal, **in_parts(towers),
            **{f'clip_model_.{name}': shape for name, shape in whole_clip(towers).items()}}


def pe_clip_shapes(classes: int, blocks: int = 2, patch: int = 16, depth: int = 2) -> dict[str, tuple[int, ...]]:
    towers = clip_shapes(blocks, patch)
    linears = {name: {f'{name}.weight': shape, f'{name}.bias': shape[:1]}
               for name, shape in (('down_proj', (8, WIDTH)), ('up_proj', (WIDTH, 8)), ('scale', (1, WIDTH)))}
    plain = {**linears['down_proj'], **linears['up_proj']}
    norm_of = {f'adapter_layer_norm_before.{kind}': (WIDTH, ) for kind in ('weight', 'bias')}
    rnn = {f'rnn.{kind}_{place}_l0': (24, 8)[:2 if kind == 'weight' else 1] for kind in ('weight', 'bias')
           for place in ('ih', 'hh')}
    for index in range(blocks):
        block = f'transformer.resblocks.{index}.adapter_pre_'
        for tower, behind_mlp in (('text_encoder', plain), ('image_encoder', {**plain, **linears['scale'], **norm_of,
                                                                              **rnn})):
            towers[tower].update({f'{block}attn.{name}': shape for name, shape in plain.items()})
            towers[tower].update({f'{block}mlp.{name}': shape for name, shape in behind_mlp.items()})
    learner = learner_shapes(classes, (2, WIDTH), 2)
    for name in ('proj', *(f'compound_prompt_projections.{index}' for index in range(depth - 1))):
        learner |= {f'prompt_learner.{name}.weight': (WIDTH, WIDTH), f'prompt_learner.{name}.bias': (WIDTH, )}
    learner |= {f'prompt_learner.compound_prompts_text.{index}': (2, WIDTH) for index in range(depth - 1)}
    return {**learner, **in_parts(towers),
            **{f'clip_model.{name}': shape for name, shape in whole_clip(towers).items()}}


def learner_shapes(classes: int, context: tuple[int, ...], number: int) -> dict[str, tuple[int, ...]]:
    return {'prompt_learner.ctx': context, 'prompt_learner.token_prefix': (classes, 1, WIDTH),
            'prompt_learner.token_suffix': (classes, 76 - number, WIDTH)}


def in_parts(towers: dict) -> dict[str, tuple[int, ...]]:
    return {f'{part}.{name}': shape for part, tower in towers.items() for name, shape in tower.items()}


def published_names(name: str) -> set[str] | None:
    """Names of a published file, if they are here."""
    path = KEYS / f'{name}.json'
    return set(json.loads(path.read_text())['keys']) if path.is_file() else None


def random_file(shapes: dict[str, tuple[int, ...]], texts: list[str], context: int) -> dict[str, torch.Tensor]:
    """Random values, norms about 1; the buffers of the texts are the embeddings of their tokens, as in the releases."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        wide = len(shape) > 1 and not any(word in name for word in ('embedding', 'token', 'ctx', 'compound_prompts'))
        value *= 0.7 * value[0].numel()**-0.5 if wide else 0.1
        state[name] = value + (len(shape) == 1 and name.endswith('weight') and 'ln_' in name or '.norm.weight' in name)
    clip = next(name.partition('.')[0] for name in state if name.endswith('token_embedding.weight'))
    tokens = tokenize([f'{"X " * context}{text}' for text in texts])
    table = state[f'{clip}.token_embedding.weight']
    state['prompt_learner.token_prefix'] = table[tokens[:, :1]]
    state['prompt_learner.token_suffix'] = table[tokens[:, 1 + context:]]
    return state


def read_frames(folder: Path) -> torch.Tensor:
    """16 frames (16, 3, 224, 224) in [0, 1]: the middles of as many parts, or all of fewer, the last one again."""
    names = sorted(path for path in folder.iterdir() if path.suffix in ('.png', '.jpg'))
    tick = len(names) / 16
    chosen = [int(tick / 2 + tick * place) for place in range(16)] if len(names) > 16 else [
        min(place, len(names) - 1) for place in range(16)]
    frames = [Image.open(names[index]).convert('RGB').resize((224, 224), Image.BILINEAR) for index in chosen]
    return torch.stack([torch.from_numpy(np.array(frame)).permute(2, 0, 1) for frame in frames]).float() / 255


def cosines(video, texts):
    return F.normalize(video, dim=-1) @ F.normalize(texts, dim=-1).T / 0.01


def prompts_of(state, classes):
    learner = part(state, 'prompt_learner.')
    ctx = learner['ctx'] if learner['ctx'].ndim == 3 else learner['ctx'].expand(classes, -1, -1)
    return torch.cat([learner['token_prefix'], ctx, learner['token_suffix']], dim=1)


def blocks_of(tower):
    return sorted({int(name.split('.')[2]) for name in tower if name.startswith('transformer.resblocks.')})


def dfer_clip_logits(state, frames, ends):
    """(K,) of one clip's frames (16, 3, 224, 224)."""
    s = part(state, 'image_encoder.')
    x = embed_frames(s, frames)
    for block in (f'transformer.resblocks.{index}' for index in blocks_of(s)):
        x = x + attend(s, block, norm(s, f'{block}.ln_1', x))
        x = x + mlp(s, block, norm(s, f'{block}.ln_2', x))
    x = (norm(s, 'ln_post', x[:, 0]) @ s['proj'])[None]
    s = part(state, 'temporal_net.')
    x = torch.cat([s['cls_token'], x], dim=1) + s['pos_embedding']
    attention, feed = (f'temporal_transformer.layers.0.{index}.fn' for index in (0, 1))
    q, k, v = F.linear(norm(s, f'{attention}.norm', x), s[f'{attention}.fn.to_qkv.weight']).chunk(3, -1)
    x = x + linear(s, f'{attention}.fn.to_out.0', heads_of(q, k, v, 8))
    z = linear(s, f'{feed}.fn.net.0', norm(s, f'{feed}.norm', x))
    x = x + linear(s, f'{feed}.fn.net.3', z * (1 + torch.tanh((2 / torch.pi)**0.5 * (z + 0.044715 * z**3))) / 2)
    s, texts = part(state, 'text_encoder.'), prompts_of(state, len(ends))
    texts = texts + s['positional_embedding']
    for block in (f'transformer.resblocks.{index}' for index in blocks_of(s)):
        texts = texts + attend(s, block, norm(s, f'{block}.ln_1', texts), causal=True)
        texts = texts + mlp(s, block, norm(s, f'{block}.ln_2', texts))
    texts = norm(s, 'ln_final', texts)[torch.arange(len(ends)), ends] @ s['text_projection']
    return cosines(x[0, 0], texts)


def bottleneck(s, name, x):
    return x + linear(s, f'{name}.up_proj', F.gelu(linear(s, f'{name}.down_proj', x)))


def gru(s, name, x):
    """One layer along axis 1 of (N, T, r), step by step."""
    h, steps = torch.zeros_like(x[:, 0]), []
    for t in range(x.shape[1]):
        a = F.linear(x[:, t], s[f'{name}.weight_ih_l0'], s[f'{name}.bias_ih_l0']).chunk(3, -1)
        b = F.linear(h, s[f'{name}.weight_hh_l0'], s[f'{name}.bias_hh_l0']).chunk(3, -1)
        reset, update = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
        h = (1 - update) * torch.tanh(a[2] + reset * b[2]) + update * h
        steps.append(h)
    return torch.stack(steps, dim=1)


def dynamic(s, name, x):
    """PE-CLIP's TDA on the tokens (T, L, C) of one clip."""
    z = F.layer_norm(x, x.shape[-1:], s[f'{name}.adapter_layer_norm_before.weight'],
                     s[f'{name}.adapter_layer_norm_before.bias'])
    h = gru(s, f'{name}.rnn', linear(s, f'{name}.down_proj', z).transpose(0, 1)).transpose(0, 1)
    return x + linear(s, f'{name}.up_proj', F.gelu(h)) * torch.relu(linear(s, f'{name}.scale', z))


def pe_clip_logits(state, frames, ends):
    """(K,) of one clip's frames: MaPLe's prompts, adapters within the residual branches."""
    learner = part(state, 'prompt_learner.')
    deep = [learner[f'compound_prompts_text.{index}'] for index in range(1)]
    s = part(state, 'image_encoder.')
    x = F.conv2d(frames, s['conv1.weight'], stride=s['conv1.weight'].shape[-1]).flatten(2).transpose(1, 2)
    x = torch.cat([s['class_embedding'].expand(len(x), 1, -1), x], dim=1) + s['positional_embedding']
    x = norm(s, 'ln_pre', torch.cat([x, linear(learner, 'proj', learner['ctx']).expand(len(x), -1, -1)], dim=1))
    for index in blocks_of(s):
        block = f'transformer.resblocks.{index}'
        if 0 < index <= len(deep):
            visual = linear(learner, f'compound_prompt_projections.{index - 1}', deep[index - 1])
            x = torch.cat([x[:, :-2], visual.expand(len(x), -1, -1)], dim=1)
        x = x + bottleneck(s, f'{block}.adapter_pre_attn', attend(s, block, norm(s, f'{block}.ln_1', x)))
        x = x + dynamic(s, f'{block}.adapter_pre_mlp', mlp(s, block, norm(s, f'{block}.ln_2', x)))
    video = (norm(s, 'ln_post', x[:, 0]) @ s['proj']).mean(0)
    s = part(state, 'text_encoder.')
    x = prompts_of(state, len(ends)) + s['positional_embedding']
    for index in blocks_of(s):
        block = f'transformer.resblocks.{index}'
        if 0 < index <= len(deep):
            x = torch.cat([x[:, :1], deep[index - 1].expand(len(x), -1, -1), x[:, 3:]], dim=1)
        x = x + bottleneck(s, f'{block}.adapter_pre_attn', attend(s, block, norm(s, f'{block}.ln_1', x), causal=True))
        x = x + bottleneck(s, f'{block}.adapter_pre_mlp', mlp(s, block, norm(s, f'{block}.ln_2', x)))
    texts = norm(s, 'ln_final', x)[torch.arange(len(ends)), ends] @ s['text_projection']
    return cosines(video, texts)


def ends_of(texts: list[str], context: int) -> torch.Tensor:
    return tokenize([f'{"X " * context}{text}' for text in texts]).argmax(-1)
