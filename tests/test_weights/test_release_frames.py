"""A converted release gives its own logits on frames, by the very command that its conversion prints.

Sets in their official layouts, frames of many sizes and two kinds of file; the logits are computed apart, under the
release's names and in its order of classes, from frames that Pillow reads.
"""
from __future__ import annotations

import argparse
import shlex

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from PIL import Image

from mmdfer.apis import running
from mmdfer.apis.commands import test as test_command, train as train_command
from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.options import run_config, train_config
from mmdfer.datasets import class_names
from mmdfer.evaluation import load_predictions
from mmdfer.registry import DATASETS, MODELS, find_set
from mmdfer.runs.loading import build_model, load_into
from mmdfer.weights import CheckpointError, fit_classes, read_checkpoint
from mmdfer.weights.states import EMA_VARIABLE

from ..official_layouts import write_list
from . import release_files as files
from .test_releases import BLOCKS, aim_logits, shapes, st_adapter_logits

# A release: shapes of its file, its logits, tokens of context.
RELEASES = {'dfer_clip': (files.dfer_clip_shapes, files.dfer_clip_logits, 8),
            'pe_clip': (files.pe_clip_shapes, files.pe_clip_logits, 2)}
# DFER-CLIP's and PE-CLIP's own order, written out.
ORDER = ('happiness', 'sadness', 'neutral', 'anger', 'surprise', 'disgust', 'fear', 'contempt', 'anxiety',
         'helplessness', 'disappointment')
EMOTION = dict(happy='happiness', sad='sadness', angry='anger')
CONFIGS = {
    ('dfer_clip', 'dfew'): 'configs/baselines/dfer_clip_vitb32_dfew.py',
    ('dfer_clip', 'ferv39k'): 'configs/baselines/dfer_clip_vitb32_ferv39k.py',
    ('dfer_clip', 'mafw'): 'configs/baselines/dfer_clip_vitb32_mafw.py',
    ('pe_clip', 'dfew'): 'pe_clip/frames_0_to_1@dfew', ('pe_clip', 'ferv39k'): 'pe_clip/frames_0_to_1@ferv39k',
    ('pe_clip', 'mafw'): 'pe_clip/frames_0_to_1@mafw'}
# Frames, width and height, and kind of file of three clips: the size itself, smaller, larger and not square.
CLIPS = ((16, (224, 224), 'png'), (5, (60, 48), 'png'), (37, (300, 260), 'jpg'))
WORDS = ('smile', 'tears', 'calm', 'frown', 'gasp', 'wrinkled nose', 'wide eyes', 'smirk', 'worry', 'droop', 'sigh')


def write_clip(folder, number, size, suffix, seed):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for index in range(number):
        coarse = Image.fromarray(generator.integers(0, 256, (9, 11, 3), dtype=np.uint8))
        coarse.resize(size, Image.BICUBIC).save(folder / f'{index + 1:05d}.{suffix}')


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    """Three sets of three test clips each."""
    place = tmp_path_factory.mktemp('sets')
    for seed, (number, size, suffix) in enumerate(CLIPS, 1):
        write_clip(place / f'dfew/Clip/clip_224x224/{seed:05d}', number, size, suffix, seed)
        write_clip(place / f'ferv39k/2_ClipsforFaceCrop/Action/Happy/{seed:04d}', number, size, suffix, seed)
        write_clip(place / f'mafw/frames/{seed:05d}', number, size, suffix, seed)
    numbers = range(1, len(CLIPS) + 1)
    write_list(place / 'dfew/EmoLabel_DataSplit/test(single-labeled)/set_1.csv',
               ['video_name,label', *(f'{number},{[1, 7, 3][number - 1]}' for number in numbers)])
    write_list(place / 'ferv39k/4_setups/All_scenes/test_All.csv',
               [f'Action/Happy/{number:04d} Happy' for number in numbers])
    write_list(place / 'mafw/Train & Test Set/single/no_caption/set_1/test.txt',
               [f'{number:05d}.mp4 anger' for number in numbers])
    return place


def converted(kind, dataset, place, name='out.safetensors', **wrapped):
    """A small release's file, converted; its state, its report and its texts."""
    shapes, _, context = RELEASES[kind]
    texts = [f'a {word}.' for word in WORDS[:len(class_names(dataset))]]
    state = files.random_file(shapes(len(texts)), texts, context)
    torch.save(dict(epoch=3, state_dict={f'module.{key}': value for key, value in state.items()}, **wrapped),
               place / 'in.pth')
    report = convert_release(kind, place / 'in.pth', place / name, dataset=dataset, force=True)
    return state, report, texts


def printed_config(report, root, place):
    """The config that the printed command runs with, its towers as small as the file's."""
    words = shlex.split(report.partition('test it by mmdfer test ')[2])
    parser = argparse.ArgumentParser()
    test_command.add_arguments(parser)
    args = parser.parse_args([*words, '--data-root', str(root), '--work-dir', str(place / 'logs')])
    cfg = run_config(args)
    cfg.model.backbone.update(arch=files.ARCH, proj_dim=files.PROJ)
    cfg.model.cls_head.text_encoder.arch = dict(files.ARCH, proj_dim=files.PROJ)
    if 'temporal' in cfg.model.cls_head:
        cfg.model.cls_head.temporal.update(in_channels=files.PROJ, feedforward_channels=2 * files.PROJ)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].update(num_workers=0, persistent_workers=False, batch_size=2)
    return cfg, args


@torch.no_grad()
def expected_logits(kind, state, texts, names, folders):
    """(N, K) in the order of the set's classes."""
    _, logits, context = RELEASES[kind]
    own = torch.stack([logits(state, files.read_frames(folder), files.ends_of(texts, context)) for folder in folders])
    places = [ORDER.index(EMOTION.get(name, name)) for name in names]
    return own[:, places]


@torch.no_grad()
def our_logits(cfg, checkpoint):
    model, dataset = build_model(cfg, checkpoint, 'cpu'), DATASETS.build(cfg.test_dataloader.dataset)
    batches = [model.data_preprocessor(dict(inputs=[item['inputs']], data_samples=[item['data_samples']]))
               for item in dataset]
    return torch.cat([model(batch['inputs'], mode='tensor', stage='head') for batch in batches])


FOLDERS = dict(dfew='dfew/Clip/clip_224x224', ferv39k='ferv39k/2_ClipsforFaceCrop/Action/Happy', mafw='mafw/frames')


@pytest.mark.parametrize('kind, dataset', CONFIGS)
def test_the_printed_command_gives_the_releases_logits_on_frames(roots, tmp_path, kind, dataset):
    state, report, texts = converted(kind, dataset, tmp_path)
    cfg, args = printed_config(report, roots / dataset, tmp_path)
    assert args.config == CONFIGS[kind, dataset] and args.checkpoint == str(tmp_path / 'out.safetensors')
    assert find_set(dataset).METAINFO['dataset'] == dataset and tuple(cfg.run_classes) == class_names(dataset)
    folders = sorted((roots / FOLDERS[dataset]).iterdir())
    expected = expected_logits(kind, state, texts, class_names(dataset), folders)
    assert expected.std(dim=1).min() > 0.3 and expected.std(dim=0).max() > 0.01
    torch.testing.assert_close(our_logits(cfg, args.checkpoint), expected, rtol=0, atol=2e-4)


@pytest.mark.slow
def test_the_evaluation_itself_writes_the_releases_scores(roots, tmp_path, monkeypatch):
    monkeypatch.setattr(running, '_draw_confusion', lambda *args: None)
    state, report, texts = converted('dfer_clip', 'mafw', tmp_path)
    cfg, args = printed_config(report, roots / 'mafw', tmp_path)
    running.test(cfg, args.checkpoint, str(tmp_path / 'tested'))
    found = load_predictions(tmp_path / 'tested/predictions.npz')
    folders = [roots / FOLDERS['mafw'] / name[:5] for name in found.ids]
    expected = expected_logits('dfer_clip', state, texts, class_names('mafw'), folders)
    assert found.classes == class_names('mafw')
    np.testing.assert_allclose(found.scores, expected.softmax(-1).numpy(), atol=1e-4)


@pytest.mark.parametrize('ema', [False, True])
def test_of_plain_and_averaged_weights_the_log_says_which(tmp_path, monkeypatch, ema):
    monkeypatch.setenv(EMA_VARIABLE, '1' if ema else '0')
    lines = []
    monkeypatch.setattr('mmdfer.weights.states.print_log', lambda line, **kwargs: lines.append(line))
    shapes = files.dfer_clip_shapes(7)
    averaged = files.random_file(shapes, list(WORDS[:7]), 8)
    averaged = {f'module.{key}': value + (key == 'image_encoder.class_embedding') for key, value in averaged.items()}
    state, _, _ = converted('dfer_clip', 'dfew', tmp_path, state_dict_ema=averaged)
    taken = read_checkpoint(tmp_path / 'out.safetensors')['state_dict']['backbone.cls_token'].flatten()
    torch.testing.assert_close(taken, state['image_encoder.class_embedding'] + float(ema))
    assert len(lines) == 1 and ('the averaged (EMA) weights' if ema else 'the plain weights') in lines[0]


def test_the_files_have_the_releases_very_names():
    published = files.published_names('dfer_clip_vitb32_dfew')
    if published is None:
        pytest.skip('names of released checkpoints are not here')
    assert {f'module.{name}' for name in files.dfer_clip_shapes(7, blocks=12)} == published - {
        name for name in published if name.endswith(('input_resolution', 'context_length', 'vocab_size'))}


def test_under_another_normalisation_the_file_is_refused_and_its_own_is_told(roots, tmp_path):
    _, report, _ = converted('pe_clip', 'dfew', tmp_path)
    cfg, args = printed_config(report.replace('pe_clip/frames_0_to_1@dfew', 'pe_clip_vitb16_dfew'), roots / 'dfew',
                               tmp_path)
    with pytest.raises(CheckpointError, match=r'normalised by mean \[0.0, 0.0, 0.0\], std \[255.* the config has mean '
                       r'\[122.771.*--cfg-options model.data_preprocessor.mean=\[0.0,0.0,0.0\] model.data_prep'):
        build_model(cfg, args.checkpoint, 'cpu')


@pytest.mark.parametrize('name', ['a b.safetensors', 'a,b.safetensors', "it's $HOME.safetensors", '[1,2].safetensors',
                                  '"q".safetensors', 'Δ%d`x`.safetensors', '12.safetensors'])
def test_any_name_of_the_file_comes_through_the_printed_command(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shapes = files.dfer_clip_shapes(7)
    state = files.random_file(shapes, list(WORDS[:7]), 8)
    torch.save(state, 'in.pth')
    for given in (name, f'-{name}'):
        report = convert_release('dfer_clip', 'in.pth', given)
        words = shlex.split(report.partition('test it by mmdfer test ')[2])
        parser = argparse.ArgumentParser()
        test_command.add_arguments(parser)
        args = parser.parse_args(words)
        assert (tmp_path / args.checkpoint).is_file()
        assert (tmp_path / args.cfg_options['model.cls_head.texts.file']).is_file()
        assert args.cfg_options['model.cls_head.num_classes'] == 7


def test_a_set_whose_order_is_not_known_asks_for_it(tmp_path):
    torch.save(files.random_file(files.dfer_clip_shapes(7), list(WORDS[:7]), 8), tmp_path / 'in.pth')
    for options, told in ((dict(dataset='mafw'), 'has 11 classes, the release 7'),
                          (dict(dataset='mafw_compound'), 'in which order dfer_clip .* --class-order, one of canon'),
                          (dict(dataset='dfew', class_order='offical'), "no 'offical'; did you mean 'official'")):
        with pytest.raises(ValueError, match=told):
            convert_release('dfer_clip', tmp_path / 'in.pth', tmp_path / 'x.safetensors', **options)
    report = convert_release('dfer_clip', tmp_path / 'in.pth', tmp_path / 'x.safetensors', dataset='ferv39k',
                             class_order='alphabetical')
    assert read_checkpoint(tmp_path / 'x.safetensors')['meta']['classes'] == sorted(class_names('ferv39k'))
    assert 'dfer_clip_vitb32_ferv39k.py' in report


def small_file(name):
    """A release of adapted towers at a twelfth of its width and a quarter of its depth."""
    sizes = {768: 64, 2304: 192, 3072: 256, 192: 16, 384: 32}
    generator, state = torch.Generator().manual_seed(0), {}
    for key, shape in shapes(name).items():
        if not any(f'.resblocks.{index}.' in key for index in range(BLOCKS, 12)):
            value = torch.randn([sizes.get(size, size) for size in shape], generator=generator)
            value *= 0.7 * value[0].numel()**-0.5 if value.ndim > 1 and 'embedding' not in key else 0.1
            state[key] = value + (key.endswith('weight') and value.ndim == 1)
    return state


@pytest.mark.parametrize('name, kind, logits, mean, std, number', [
    ('aim_vitb16_k400', 'aim', aim_logits, (122.769, 116.74, 104.04), (68.493, 66.63, 70.321), 8),
    ('st_adapter_vitb16_24x384', 'st_adapter', st_adapter_logits, (0.48145466, 0.4578275, 0.40821073),
     (0.26862954, 0.26130258, 0.27577711), 16)])
@torch.no_grad()
def test_releases_of_kinetics_give_their_logits_on_frames_and_start_a_training(roots, tmp_path, name, kind, logits,
                                                                               mean, std, number):
    state = small_file(name)
    torch.save(dict(state_dict=state), tmp_path / 'in.pth')
    report = convert_release(kind, tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    words = shlex.split(report.partition('train on from it by mmdfer train ')[2])
    cfg = train_config(parser.parse_args([*words, '--data-root', str(roots / 'dfew')]))
    assert cfg.load_from == str(tmp_path / 'out.safetensors') and cfg.fresh_classes
    assert 'does not know its 400' in report and 'model.cls_head.num_classes=400' in report
    cfg.model.cls_head.update(num_classes=400, in_channels=64)
    cfg.model.backbone.arch = dict(files.ARCH, num_layers=BLOCKS)
    for adapter in cfg.model.backbone.adapters.values():
        if 'width' in adapter:
            adapter['width'] = 32
    model = MODELS.build(cfg.model).eval()
    load_into(model, cfg.load_from)
    folder = roots / FOLDERS['dfew'] / '00001'
    item = Compose(cfg.test_pipeline)(dict(clip=str(folder), video_id='1', label=0, modality='RGB'))
    batch = model.data_preprocessor(dict(inputs=[item['inputs']], data_samples=[item['data_samples']]))
    chosen = files.read_frames(folder)[1::2] if number == 8 else files.read_frames(folder)
    mean, std = (torch.tensor(values)[:, None, None] / (255 if kind == 'aim' else 1) for values in (mean, std))
    expected = logits(state, ((chosen - mean) / std).transpose(0, 1)[None])
    assert expected.std() > 0.1
    found = model(batch['inputs'], mode='tensor', stage='head')
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    kept = fit_classes(read_checkpoint(cfg.load_from)['state_dict'], None, class_names('dfew'), model, 'x', fresh=True)
    assert not any(key.startswith('cls_head.fc') for key in kept) and any('adapters' in key for key in kept)


def test_a_release_that_was_trained_on_a_set_here_knows_its_classes_when_told(tmp_path):
    state = small_file('aim_vitb16_k400')
    for key in ('cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'):
        state[key] = state[key][:11]
    torch.save(dict(state_dict=state), tmp_path / 'in.pth')
    with pytest.raises(ValueError, match='in which order aim lists .* is not known; .* official, dfer_clip, alp'):
        convert_release('aim', tmp_path / 'in.pth', tmp_path / 'x.safetensors', dataset='mafw')
    report = convert_release('aim', tmp_path / 'in.pth', tmp_path / 'x.safetensors', dataset='mafw',
                             class_order='alphabetical')
    assert read_checkpoint(tmp_path / 'x.safetensors')['meta']['classes'] == sorted(class_names('mafw'))
    assert 'there is no config of it on mafw' in report
