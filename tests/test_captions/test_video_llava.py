"""The caption tool end to end with a tiny Video-LLaVA of random weights."""
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from mmdfer.captions import CaptionFileError, read_captions
from mmdfer.captions.video_llava import PROMPT, VideoLlava
from mmdfer.datasets import BadClipError, MAFWDataset
from mmdfer.preparation import captions, set_clips as face_clips

from ..conftest import ROOT, write_clip
from ..fresh import fresh_python
from ..official_layouts import write_mafw_copy
from .tiny_llava import EDGE, PATCH, save_tiny_llava

transformers = pytest.importorskip('transformers')
TOKENS = 8
MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in ((0.48145466, 0.4578275, 0.40821073),
                                                               (0.26862954, 0.26130258, 0.27577711)))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('models') / 'tiny-llava'
    save_tiny_llava(path)
    return path


@pytest.fixture(scope='module')
def model(folder):
    return VideoLlava(str(folder), max_new_tokens=TOKENS)


@pytest.fixture
def clips(tmp_path):
    """Nine clips of 20 frames but for one of 3; returns what the tool finds in their folder."""
    for number in range(1, 10):
        write_clip(tmp_path / 'clips' / f'{number:05d}', 3 if number == 4 else 20, EDGE, seed=number)
    return face_clips.folder_clips(str(tmp_path / 'clips'))[0]


def by_hand(folder, paths):
    """The most likely words one after the other, from pixels and tokens prepared here."""
    model = transformers.VideoLlavaForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pixels = torch.stack([(torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 255 - MEAN) / STD
                          for path in paths])
    prompt = PROMPT.replace('<video>', '<video>' * len(paths) * ((EDGE // PATCH) ** 2 + 1))
    ids = tokenizer(prompt, return_tensors='pt').input_ids
    answer = []
    for _ in range(TOKENS):
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values_videos=pixels[None]).logits
        answer.append(int(logits[0, -1].argmax()))
        if answer[-1] == tokenizer.eos_token_id:
            break
        ids = torch.cat([ids, torch.tensor([[answer[-1]]])], dim=1)
    return tokenizer.decode(answer, skip_special_tokens=True).strip()


def test_captions_are_the_models_most_likely_words(folder, model, clips, tmp_path):
    out = tmp_path / 'captions.jsonl'
    counts = captions.caption_clips(clips, out, model, batch_size=4)
    found = read_captions(out, empty_ok=True)           # random weights may say nothing of a clip
    empty = sum(not caption.caption for caption in found.values())
    assert counts == dict(captioned=9, done=0, empty=empty, unreadable=0, left=0) and empty < 5
    assert [caption.id for caption in found.values()] == [f'{number:05d}' for number in range(1, 10)]
    assert len({caption.caption for caption in found.values()}) > 1
    for number, frames in ((2, [1, 3, 6, 8, 11, 13, 16, 18]), (4, [0, 1, 2, 2, 2, 2, 2, 2])):
        about = found[str(number)].about
        assert about == dict(source='video_llava', model='tiny-llava', prompt=1, frames=frames)
        paths = [tmp_path / 'clips' / f'{number:05d}' / f'{frame + 1:05d}.jpg' for frame in frames]
        assert found[str(number)].caption == by_hand(folder, paths)
    captions.caption_clips(clips, tmp_path / 'one.jsonl', model, batch_size=1)
    assert (tmp_path / 'one.jsonl').read_bytes() == out.read_bytes()


KILLED = '''
import os, runpy, signal, sys
from mmdfer.captions.video_llava import VideoLlava
whole, calls = VideoLlava.caption, []
def caption(self, clips):
    calls.append(clips)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, clips)
VideoLlava.caption = caption
runpy.run_path(sys.argv[0], run_name='__main__')
'''


def test_a_killed_run_repeats_and_loses_nothing(folder, model, clips, tmp_path, capsys, monkeypatch):
    out, root = tmp_path / 'killed.jsonl', tmp_path / 'clips'
    tool = str(ROOT / 'tools' / 'data' / 'caption_clips.py')
    arguments = ['folder', str(root), '--model', str(folder), '--out', str(out), '--batch-size', '2',
                 '--max-new-tokens', str(TOKENS)]
    code = f'import sys; sys.argv = {[tool, *arguments]!r}\n{KILLED}'
    done = fresh_python(code)
    assert done.returncode == -9, done.stderr
    assert not out.exists()
    journal = tmp_path / 'killed.jsonl.journal'
    assert len(journal.read_bytes().splitlines()) == 4
    journal.write_bytes(journal.read_bytes()[:-7])          # as if it had been killed while it wrote
    seen = []
    monkeypatch.setattr(model, 'caption', lambda batch, whole=model.caption: seen.extend(batch) or whole(batch))
    counts = captions.caption_clips(clips, out, model, batch_size=2)
    assert counts['captioned'] == len(seen) == 6 and counts['done'] == 3 and not journal.exists()
    assert 'half-written' in capsys.readouterr().out
    captions.caption_clips(clips, tmp_path / 'whole.jsonl', model, batch_size=2)
    assert out.read_bytes() == (tmp_path / 'whole.jsonl').read_bytes()


def test_limit_and_new_clips_add_to_the_file(model, clips, tmp_path):
    out = tmp_path / 'captions.jsonl'
    assert captions.caption_clips(clips, out, model, limit=2)['left'] == 7
    assert len(read_captions(out, empty_ok=True)) == 2
    assert captions.caption_clips(clips, out, model)['captioned'] == 7
    before = out.read_bytes()
    assert captions.caption_clips(clips, out, model)['done'] == 9 and out.read_bytes() == before


def test_captions_of_another_model_or_set_are_kept_apart(model, clips, tmp_path):
    out = tmp_path / 'captions.jsonl'
    captions.caption_clips(clips, out, model)
    out.write_text(out.read_text().replace('"model": "tiny-llava"', '"model": "other"', 1))
    before = out.read_bytes()
    with pytest.raises(CaptionFileError, match='caption of 00001 is of source video_llava, model other, prompt 1, not '
                       'of source video_llava, model tiny-llava, prompt 1; keep them apart by another --out'):
        captions.caption_clips(clips, out, model)
    assert out.read_bytes() == before
    assert captions.caption_clips(clips, out, model, overwrite=True)['captioned'] == 9
    with pytest.raises(CaptionFileError, match='holds a caption of 00001, which is no clip of this set'):
        captions.caption_clips(clips[1:], out, model)


def test_clips_that_cannot_be_read_are_named_at_the_end(model, clips, tmp_path):
    (tmp_path / 'clips' / '00003' / '00011.jpg').write_bytes(b'\xff\xd8 cut')
    (tmp_path / 'clips' / '00003' / '00012.jpg').write_bytes(b'\xff\xd8 cut')
    out = tmp_path / 'captions.jsonl'
    with pytest.raises(BadClipError, match='1 of 9 clips could not be read: .*00003.*cut short'):
        captions.caption_clips(clips, out, model, batch_size=3)
    assert '3' not in read_captions(out, empty_ok=True) and len(read_captions(out, empty_ok=True)) == 8
    write_clip(tmp_path / 'again', 20, EDGE, seed=3)
    shutil.rmtree(tmp_path / 'clips' / '00003')
    (tmp_path / 'again').rename(tmp_path / 'clips' / '00003')
    assert captions.caption_clips(clips, out, model)['captioned'] == 1
    assert list(read_captions(out, empty_ok=True))[2] == '3'


def test_folders_without_such_a_model_are_refused(folder, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='nothing: holds no config.json; give the folder of a Video-LLaVA'):
        VideoLlava(str(tmp_path / 'nothing'))
    other = tmp_path / 'clip'
    transformers.CLIPVisionConfig().save_pretrained(other)
    with pytest.raises(ValueError, match="of type 'clip_vision_model', not a video-language model .*give one such as"):
        VideoLlava(str(other))
    for missing, message in (('tokenizer', 'its processor cannot be read'),
                             ('preprocessor', 'its processor cannot be read'),
                             ('model.safetensors', 'its weights cannot be read')):
        part = shutil.copytree(folder, tmp_path / missing)
        for path in part.glob(f'{missing}*'):
            path.unlink()
        with pytest.raises(ValueError, match=f'{missing}: {message}'):
            VideoLlava(str(part))
    from safetensors.torch import load_file, save_file
    part = shutil.copytree(folder, tmp_path / 'less')
    weights = load_file(part / 'model.safetensors')
    lost = next(name for name in weights if 'language_model' in name)
    weights.pop(lost)
    save_file(weights, part / 'model.safetensors', dict(format='pt'))
    with pytest.raises(ValueError, match=f'less: its weights lack 1 parts, such as {lost}'):
        VideoLlava(str(part))
    monkeypatch.setattr('transformers.utils.hub._is_offline_mode', True)
    with pytest.raises(ValueError, match='nobody/no-llava: is no folder, and cannot be fetched .*huggingface-cli'):
        VideoLlava('nobody/no-llava')


def test_mafws_own_captions(tmp_path):
    root = write_mafw_copy(tmp_path / 'MAFW', (11, 11, 11, 11, 11), 60)
    out = captions.captions_path(str(root))
    counts = captions.list_captions(MAFWDataset, str(root), out)
    found = read_captions(out, ids=[path.name for path in (root / 'frames').iterdir()])
    assert counts['captioned'] == len(found) and counts['without'] == 55 - len(found) > 0
    assert all(caption.caption == f'A person, frowning, number {int(caption.id)}.'
               and caption.about == dict(source='mafw') for caption in found.values())
    captions.list_captions(MAFWDataset, str(root), out)
    out.write_text(json.dumps(dict(id='1', caption='mine', source='hand')) + '\n')
    with pytest.raises(CaptionFileError, match="holds captions that are not MAFW's own"):
        captions.list_captions(MAFWDataset, str(root), out)
