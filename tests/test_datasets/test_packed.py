"""A pack gives the folder's frames, and is refused where it could give others."""
import copy
import json
import multiprocessing
import os
import pickle
import resource
import shutil
import time

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS
from mmengine.registry import init_default_scope

from mmdfer.apis.running import train
from mmdfer.datasets import BadClipError, DatasetError, Pack, PackError
from mmdfer.datasets.packed import PackWriter
from mmdfer.datasets.packed.layout import Source
from mmdfer.datasets.packed.writer import StoredFrame
from mmdfer.files import WriteError
from mmdfer.preparation.packing import pack, verify
from mmdfer.run_config import load_config, set_data
from mmdfer.runs.log import read_scalars
from mmdfer.weights import read_checkpoint

from ..commands import command, pictures_unpainted, started
from ..conftest import ROOT, write_dfew
from .test_dfew import PIPELINE, spoil


def config(root, **options):
    cfg = load_config(ROOT / 'configs' / 'fe_adapter_vitb_dfew.py')
    set_data(cfg, str(root), **options)
    return cfg


def build(root, split='train', **kwargs):
    return DATASETS.build(dict(dict(type='DFEWDataset', data_root=str(root), split=split, pipeline=PIPELINE), **kwargs))


@pytest.fixture
def copied(tmp_path, dfew):
    shutil.copytree(dfew, tmp_path / 'DFEW')
    return tmp_path / 'DFEW'


@pytest.fixture(params=['files', 'raw'])
def packed(request, copied):
    path = str(copied / 'clips.pack')
    pack(config(copied), path, request.param)
    return copied, path


# The same numbers


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('gone', [False, True])
def test_items_are_the_folders_own(packed, split, gone):
    root, path = packed
    expected = build(root, split, test_mode=False)
    expected.set_epoch(3, 1)
    expected = [expected[index] for index in range(len(expected))]
    if gone:
        shutil.rmtree(root / 'Clip')
    found = build(root, split, test_mode=False, packed='clips.pack')        # below data_root
    found.set_epoch(3, 1)
    assert len(found) == len(expected)
    for index, item in enumerate(expected):
        again = found[index]
        assert torch.equal(again['inputs'], item['inputs'])
        assert again['data_samples'].video_id == item['data_samples'].video_id
        assert torch.equal(again['data_samples'].gt_label, item['data_samples'].gt_label)


def trained(root, work_dir, packed=None):
    """Figures, losses and weights of a run of the demo config, crops, jitter and all."""
    init_default_scope('mmaction')
    cfg = load_config(ROOT / 'configs' / 'demo' / 'fe_adapter.py', {
        'model.backbone.init_cfg': None, 'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 4,
        'default_hooks.logger.interval': 1, 'train_dataloader.num_workers': 1, 'val_dataloader.num_workers': 1,
        'work_dir': str(work_dir), 'experiment_name': str(work_dir).replace(os.sep, '_')})
    jitter = dict(type='ClipColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05)
    crop = dict(type='RandomResizedCrop', area_range=(0.85, 1.0), aspect_ratio_range=(0.95, 1.05))
    steps = cfg.train_dataloader.dataset.pipeline
    for step, before in ((crop, 'Resize'), (jitter, 'FormatShape')):
        steps.insert([each['type'] for each in steps].index(before), step)
    set_data(cfg, str(root), packed=packed)
    with pictures_unpainted():
        result = train(cfg)
    losses = [record['loss'] for record in read_scalars(cfg.work_dir) if 'loss' in record]
    weights = read_checkpoint(os.path.join(cfg.work_dir, 'epoch_2.pth'))['state_dict']
    return result['uar'], losses, weights


@pytest.fixture(scope='module')
def trained_on_the_folder(dfew, tmp_path_factory):
    return trained(dfew, tmp_path_factory.mktemp('trained') / 'folder')


@pytest.mark.slow
@pytest.mark.parametrize('store', ['files', 'raw'])
def test_training_gives_the_same_losses_and_weights(tmp_path, dfew, trained_on_the_folder, store):
    path = str(tmp_path / 'clips.pack')
    pack(config(dfew), path, store)
    uar, losses, weights = trained_on_the_folder
    again = trained(dfew, tmp_path / 'pack', path)
    assert (uar, losses) == again[:2] and len(losses) == 8
    assert all(torch.equal(again[2][key], value) for key, value in weights.items())


def test_raw_frames_of_videos(tmp_path):
    root = write_dfew(tmp_path / 'DFEW', folds=(1, ))
    folder = root / 'Clip' / 'video'
    folder.mkdir()
    for number in range(1, 22):
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (40, 32))
        for frame in range(70):
            writer.write(np.full((32, 40, 3), 3 * frame, np.uint8))
        writer.release()
    cfg = config(root)
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].dataset.data_prefix = dict(clip='Clip/video')
    with pytest.raises(DatasetError, match='1.mp4: is a video; pack videos with --store raw'):
        pack(cfg, str(tmp_path / 'files.pack'))
    pack(cfg, str(tmp_path / 'raw.pack'), 'raw')
    prefix = dict(data_prefix=dict(clip='Clip/video'))
    one, other = build(root, **prefix), build(root, packed=str(tmp_path / 'raw.pack'), **prefix)
    for dataset in (one, other):
        dataset.set_epoch(0, 0)
    assert torch.equal(one[5]['inputs'], other[5]['inputs'])


def test_resized_frames(packed):
    root, path = packed
    pack(config(root), path, 'raw', size=20, overwrite=True)
    assert Pack(path).frame(0, 'frame').shape == (20, 20, 3)
    with pytest.raises(DatasetError, match="size=20: only raw frames are resized.*store='raw'"):
        pack(config(root), path, 'files', size=20, overwrite=True)


def test_frames_are_ones_own(packed):
    made = Pack(packed[1])
    frame = made.frame(0, 'frame')
    before = frame.copy()
    frame[:] = 0
    np.testing.assert_array_equal(made.frame(0, 'frame'), before)


def test_a_pack_survives_being_copied_to_a_worker(packed):
    made = Pack(packed[1])
    for again in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
        np.testing.assert_array_equal(again.frame(7, 'frame'), made.frame(7, 'frame'))
    assert len(pickle.dumps(made)) < 1000


@pytest.mark.parametrize('how', ['no frames', 'cut short', 'garbage'])
def test_bad_clips_are_as_bad_as_in_the_folder(copied, tmp_path, how):
    spoil(copied, how)
    shutil.rmtree(copied / 'Clip' / 'clip_224x224' / '00005')
    with pytest.raises(DatasetError, match=r'1 of 14 listed clips.*\(such as 5\)'):
        pack(config(copied), str(tmp_path / 'clips.pack'))
    for store in ('files', 'raw'):
        path = str(tmp_path / f'{store}.pack')
        if store == 'raw' or how == 'no frames':
            with pytest.raises(BadClipError, match='00003'):
                pack_without(copied, path, store)
        made = pack(config(copied, skip_bad_clips=True), path, store, skip_bad_clips=True)
        assert (made['clips'], made['missing'], made['bad']) == (20, 1, int(store == 'raw' or how == 'no frames'))
        for gone in ('', 'Clip'):
            root = tmp_path / f'{store}{gone}'
            shutil.copytree(copied / 'EmoLabel_DataSplit', root / 'EmoLabel_DataSplit')
            if not gone:
                (root / 'Clip').symlink_to(copied / 'Clip')
            with pytest.raises(DatasetError, match='1 of 14 listed clips have no folder'):
                build(root, packed=path)
            one, other = build(copied, skip_bad_clips=True), build(root, packed=path, skip_bad_clips=True)
            for dataset in (one, other):
                dataset.set_epoch(1, 2)
                dataset.bad_clips_file = str(tmp_path / 'bad.tsv')
            assert len(one) == len(other) == 13
            for index in range(13):
                assert torch.equal(one[index]['inputs'], other[index]['inputs'])
            assert other.pack.rows(['3'], str, 'list') == [2]
            shutil.rmtree(root)


def pack_without(root, path, store):
    """Pack with the missing clip off the list, so that the bad one is met."""
    place = root / 'EmoLabel_DataSplit' / 'train(single-labeled)' / 'set_1.csv'
    kept = place.read_bytes()
    place.write_bytes(b'\r\n'.join(line for line in kept.split(b'\r\n') if not line.startswith(b'5,')))
    try:
        pack(config(root), path, store)
    finally:
        place.write_bytes(kept)


# Refused


def refused(root, path, message, **kwargs):
    with pytest.raises(PackError, match=message) as caught:
        dataset = build(root, packed=path, **kwargs)
        for index in range(len(dataset)):
            dataset[index]
    assert 'build it again: mmdfer pack' in str(caught.value)


@pytest.mark.parametrize('keep, message', [(0, 'is no pack'), (10, 'is no pack'), (63, 'is no pack'),
                                           (64, 'cut short'), (1000, 'cut short'), (-1, 'cut short')])
def test_a_pack_that_was_cut_short(packed, keep, message):
    root, path = packed
    data = open(path, 'rb').read()
    with open(path, 'wb') as file:
        file.write(data[:keep])
    refused(root, path, message)


def change(path, place):
    data = bytearray(open(path, 'rb').read())
    data[place] ^= 1
    with open(path, 'wb') as file:
        file.write(data)


@pytest.mark.parametrize('place, message', [(0, 'is no pack'), (8, 'is a pack of version 0'), (16, 'cut short'),
                                            (33, 'index does not match its checksum'),
                                            (-1, 'index does not match its checksum')])
def test_a_pack_with_a_changed_byte(packed, place, message):
    root, path = packed
    change(path, place)
    refused(root, path, message)


def test_a_changed_frame_is_noticed_when_it_is_read(packed):
    root, path = packed
    made = Pack(path)
    index = int(made.clips[3]['first']) + 2
    place, length = made.frames[index]['place'], made.frames[index]['length']
    change(path, int(place + length // 2))
    with pytest.raises(PackError, match='frame 2 of clip 4 does not match its checksum'):
        Pack(path).clip(3).frame(2)
    with pytest.raises(PackError, match='frame 2 of clip 4 does not match its checksum'):
        verify(path, config(root))


def test_frames_that_changed_since(packed):
    root, path = packed
    assert verify(path, config(root)) == 21
    frame = root / 'Clip' / 'clip_224x224' / '00004' / '00003.jpg'
    stat, data = frame.stat(), frame.read_bytes()
    later = time.time() + 10
    os.utime(frame, (later, later))
    refused(root, path, 'is older than the frames of .*00004')
    with pytest.raises(PackError, match='is older than'):
        verify(path, config(root))
    frame.write_bytes(data[:-5])
    os.utime(frame, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    refused(root, path, 'other frames than those of .*00004')
    frame.unlink()
    refused(root, path, 'other frames than those of .*00004')
    (root / 'EmoLabel_DataSplit' / 'train(single-labeled)' / 'set_1.csv').write_text('video_name,label\n1,1\n7,7\n')
    assert len(build(root, packed=path)) == 2                    # of clips that this list does not name


def test_clips_of_another_list(packed):
    root, path = packed
    shutil.copytree(root / 'Clip' / 'clip_224x224' / '00001', root / 'Clip' / 'clip_224x224' / '00077')
    place = root / 'EmoLabel_DataSplit' / 'train(single-labeled)' / 'set_1.csv'
    place.write_text('video_name,label\n1,1\n7,7\n00077,7\n')
    refused(root, path, r'lacks 1 of the 3 clips of .*set_1.csv \(such as 00077\): it was made from another list')
    shutil.rmtree(root / 'Clip')
    refused(root, path, 'lacks 1 of the 3 clips')


def test_no_pack_at_all(packed):
    root, _ = packed
    refused(root, 'nothing.pack', 'nothing.pack: no such pack')
    refused(root, 'EmoLabel_DataSplit', 'no such pack')


def test_sets_that_read_no_packs():
    cfg = load_config(ROOT / 'configs' / 'image_fer' / 'vitb_rafdb.py')
    with pytest.raises(DatasetError, match='--packed a.pack: RAFDBDataset reads no packs'):
        set_data(cfg, packed='a.pack')


# Writing


def frames(rng, count):
    return [StoredFrame(rng.integers(0, 255, 100, dtype=np.uint8).tobytes()) for _ in range(count)]


@pytest.mark.parametrize('cut', [0, 1, 40, 100])
def test_an_interrupted_pack_goes_on_to_the_same_bytes(tmp_path, cut):
    rng, source = np.random.default_rng(0), Source(3, 300, 5)
    clips = {f'clip {number}': frames(rng, 3) for number in range(4)}

    def write(path, names):
        writer = PackWriter(path, 'files', command='make')
        for name in names:
            if not writer.has(name, source):
                writer.add(name, source, clips[name])
        return writer
    whole, halted = str(tmp_path / 'whole'), str(tmp_path / 'halted')
    write(whole, clips).finish(list(clips))
    write(halted, list(clips)[:3]).close()
    with open(f'{halted}.journal', 'r+b') as journal:            # a kill in the midst of a write
        journal.truncate(os.path.getsize(f'{halted}.journal') - cut)
    with open(f'{halted}.part', 'ab') as part:
        part.write(b'half a frame')
    assert not os.path.exists(halted)
    writer = write(halted, clips)
    assert len(writer.done) == 4
    writer.finish(list(clips))
    assert open(whole, 'rb').read() == open(halted, 'rb').read()
    assert sorted(os.listdir(tmp_path)) == ['halted', 'whole']


def test_clips_that_changed_meanwhile_are_packed_anew(tmp_path):
    rng, path = np.random.default_rng(0), str(tmp_path / 'pack')
    writer = PackWriter(path)
    writer.add('a', Source(1, 100, 5), frames(rng, 1))
    writer.close()
    writer = PackWriter(path)
    assert writer.has('a', Source(1, 100, 5)) and not writer.has('a', Source(1, 100, 6))
    new = frames(rng, 1)
    writer.add('a', Source(1, 100, 6), new)
    writer.finish(['a'])
    made = Pack(path)
    place, length = made.frames[0].item()[:2]
    assert open(path, 'rb').read()[place:place + length] == new[0].data


def test_other_settings_start_anew_and_two_writers_do_not_mix(tmp_path):
    path = str(tmp_path / 'pack')
    writer = PackWriter(path, 'files')
    writer.add('a', Source(1, 100, 5), frames(np.random.default_rng(0), 1))
    with pytest.raises(DatasetError, match='another process is writing this pack'):
        PackWriter(path, 'files')
    writer.close()
    assert not PackWriter(path, 'raw').done


def test_the_journal_names_clips_whose_frames_are_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr('mmdfer.datasets.packed.writer.NOTED_EVERY', 0)
    path, rng, synced, fsync = str(tmp_path / 'pack'), np.random.default_rng(0), [], os.fsync
    writer = PackWriter(path)

    def record(number):
        fsync(number)
        noted = open(f'{path}.journal').read().splitlines()[1:]
        synced.append((os.path.basename(os.readlink(f'/proc/self/fd/{number}')), os.path.getsize(f'{path}.part'),
                       json.loads(noted[-1])['end'] if noted else 0))
    monkeypatch.setattr(os, 'fsync', record)
    for name in 'abc':
        writer.add(name, Source(1, 100, 5), frames(rng, 1))
    (_, first, _), (_, second, _), (_, third, _) = synced[::2]
    assert [name for name, _, _ in synced] == ['pack.part', 'pack.journal'] * 3
    assert [noted for _, _, noted in synced] == [0, first, first, second, second, third] and first < second < third


def test_a_full_disk_is_told_and_the_pack_goes_on_when_there_is_room(tmp_path):
    path, clips = str(tmp_path / 'pack'), {name: frames(np.random.default_rng(0), 40) for name in 'abcd'}

    def write():
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        writer = PackWriter(path)
        try:
            for name, clip in clips.items():
                writer.add(name, Source(1, 100, 5), clip)
        except WriteError as error:
            writer.close()
            os._exit(0 if f'{path}: cannot be written (File too large); ' in str(error) else 2)
        os._exit(1)
    process = multiprocessing.get_context('fork').Process(target=write)
    process.start()
    process.join(30)
    assert process.exitcode == 0 and not os.path.exists(path)
    writer = PackWriter(path)
    assert list(writer.done) == ['a']
    for name in 'bcd':
        writer.add(name, Source(1, 100, 5), clips[name])
    writer.finish(list(clips))
    made = Pack(path)
    assert len(list(made.verify())) == len(made) == 4 and os.listdir(tmp_path) == ['pack']


def test_too_small_a_disk_is_said_before(monkeypatch, copied):
    monkeypatch.setattr('mmdfer.preparation.packing.free_space', lambda path: 10 ** 6)
    with pytest.raises(DatasetError, match=r'about 0.0 GB are needed and 0.0 GB are free; the default store=files'):
        pack(config(copied), str(copied / 'clips.pack'), 'raw')
    assert not list(copied.glob('clips.pack*'))


@pytest.mark.slow
def test_the_command_killed_and_called_again(tmp_path):
    root = write_dfew(tmp_path / 'DFEW', train=120, test=20, frames=60, size=120, folds=(1, ))
    out = tmp_path / 'clips.pack'
    words = ['pack', 'configs/fe_adapter_vitb_dfew.py', '--data-root', root, '--out', out, '--store', 'raw',
             '--workers', '1']
    process = started(*words)
    os.setpriority(os.PRIO_PROCESS, process.pid, 19)        # on a busy machine it must not end before it is looked at
    journal, deadline = tmp_path / 'clips.pack.journal', time.time() + 120
    while not (journal.exists() and len(journal.read_bytes().splitlines()) > 5) and time.time() < deadline:
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not out.exists() and 5 <= len(journal.read_bytes().splitlines())
    done = command(*words)
    assert done.returncode == 0 and 'clips were there already' in done.stdout, done.stderr
    whole = command(*words, '--verify')
    assert '140 clips, all as they were packed' in whole.stdout
    again = command(*words)
    assert again.returncode == 2 and again.stderr.strip().endswith(f'error: {out}: exists; replace it by --overwrite')
    assert '--store raw' in Pack(str(out)).command
