"""What 40,000 listed clips cost a process and its workers, by the kernel's own count of private pages."""
import json
import os

import pytest

from ..conftest import write_clip
from ..fresh import fresh_python

CLIPS, FEW, EPOCHS = 40_000, 200, 2
LOOKS = 6               # at a worker's memory in an epoch; each collects garbage first
READ = 3_000
"""Clips that an epoch reads, drawn from all: twice as many as a list has pages of memory, so most are looked at."""

# Runs alone, so that nothing of the tests is in its memory. Private pages are those of no other process; the loader's
# own process shares most of its pages with the workers, so there all anonymous ones count.
PROGRAM = '''
import gc, itertools, json, os, sys
import torch
from mmaction.registry import DATASETS
from mmengine.dataset import DefaultSampler
from mmengine.registry import init_default_scope
import mmdfer

def memory(kind):
    gc.collect()
    with open('/proc/self/smaps_rollup') as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(kind)) / 1024

class Reporting(torch.utils.data.Dataset):
    """Says the worker's memory beside the clip."""
    def __init__(self, dataset):
        self.dataset, self.turn = dataset, 0
    def __len__(self):
        return len(self.dataset)
    def __getitem__(self, index):
        self.dataset[index]
        self.turn += 1
        return memory('Private_') if self.turn % every == 1 else 0.

read = int(sys.argv[1])
init_default_scope('mmaction')
pipeline = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=16)]             # frames come and go

class Part(DefaultSampler):
    def __iter__(self):
        return itertools.islice(super().__iter__(), read)
    def __len__(self):
        return min(read, super().__len__())

def measure(root, packed):
    options = dict(type='DFEWDataset', data_root=root, pipeline=pipeline)
    DATASETS.build(dict(options, ann_file='few.csv'))[0]                # libraries are loaded
    before = memory('Anonymous:')
    dataset = DATASETS.build(dict(options, packed=packed))
    listed = memory('Anonymous:') - before
    sampler = Part(dataset, shuffle=True)
    global every
    every = max(len(sampler) // LOOKS, 1)
    loader = torch.utils.data.DataLoader(Reporting(dataset), sampler=sampler, batch_size=100, num_workers=2,
                                         persistent_workers=True)
    main, worker = [], []
    for epoch in range(EPOCHS):
        dataset.set_epoch(0, epoch)
        sampler.set_epoch(epoch)
        worker.append(max(float(batch.max()) for batch in loader))
        main.append(memory('Anonymous:') - before)
    print(json.dumps(dict(clips=len(dataset), listed=listed, main=main, worker=worker)), flush=True)

DATASETS.build(dict(type='DFEWDataset', data_root=sys.argv[2], pipeline=pipeline, ann_file='few.csv'))[0]
gc.freeze()                                         # the libraries' objects, which every look would go through
for root, packed in zip(sys.argv[2::2], sys.argv[3::2]):
    child = os.fork()                               # each set in a process that has seen no other
    if not child:
        measure(root, packed or None)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
'''.replace('LOOKS', str(LOOKS)).replace('EPOCHS', str(EPOCHS))


def write_set(root, clips):
    """Every clip's folder is a link to one and the same."""
    write_clip(root / 'one', 1, size=8)
    (root / 'Clip' / 'clip_224x224').mkdir(parents=True)
    for number in range(1, clips + 1):
        os.symlink(root / 'one', root / 'Clip' / 'clip_224x224' / f'{number:05d}')
    lists = root / 'EmoLabel_DataSplit' / 'train(single-labeled)'
    lists.mkdir(parents=True)
    rows = [f'{number},{(number - 1) % 7 + 1}\n' for number in range(1, clips + 1)]
    (lists / 'set_1.csv').write_text('video_name,label\n' + ''.join(rows))
    (root / 'few.csv').write_text('video_name,label\n' + ''.join(rows[:7]))
    return root


def measure(*sets):
    words = [str(word) for root, packed in sets for word in (root, packed)]
    done = fresh_python(PROGRAM, READ, *words)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists('/proc/self/smaps_rollup'), reason='private memory is counted by Linux alone')
def test_forty_thousand_clips_are_listed_in_little_memory(tmp_path):
    """From folders and from a pack, beside a set of few clips."""
    few, root = write_set(tmp_path / 'few', FEW), write_set(tmp_path / 'many', CLIPS)
    pack = root / 'clips.pack'
    write_pack(str(pack), root, CLIPS)
    few, *both = measure((few, ''), (root, ''), (root, pack))
    for many in both:
        print(json.dumps(many), json.dumps(few))
        assert many['clips'] == CLIPS
        assert max(many['listed'], *many['main']) < 150, 'MiB that the list and the sampler add'
        assert max(many['worker']) - max(few['worker']) < 40, 'MiB that a worker has of its own'
        growth = many['main'][-1] - many['main'][0], many['worker'][-1] - many['worker'][0]
        assert max(growth) < 8, 'MiB over epochs'


def write_pack(path, root, clips):
    from mmdfer.datasets.packed import PackWriter
    from mmdfer.datasets.packed.layout import Source
    from mmdfer.datasets.packed.writer import StoredFrame
    files = [StoredFrame((root / 'one' / '00001.jpg').read_bytes())]
    source = Source.of(str(root / 'one'), ('.jpg', ))
    writer = PackWriter(path)
    for number in range(1, clips + 1):
        writer.add(str(number), source, files)
    writer.finish([str(number) for number in range(1, clips + 1)])
