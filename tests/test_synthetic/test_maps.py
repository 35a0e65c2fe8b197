"""Maps of the synthetic set lie on what is drawn."""
import re

import numpy as np
import pytest

from mmdfer.datasets.clip_frames import ClipFrames
from mmdfer.face import REGION_ID, find_maps, load_faces
from mmdfer.synthetic import Options, draw_clip, face_renderer, make_dataset
from mmdfer.synthetic.maps import clip_faces, write_maps
from mmdfer.synthetic.plan import Item

OPTIONS = Options(size=112)         # painted at 224, as the maps are
ITEM = Item('clip', 7, 2, 'happy', 1)

PAINTED = {'left_brow right_brow': ['brow'], 'left_eye right_eye': ['eye_white', 'iris', 'pupil', 'glint'],
           'upper_lip': ['upper_lip'], 'lower_lip': ['lower_lip'], 'inner_mouth': ['mouth_inside', 'teeth', 'tongue']}


@pytest.mark.parametrize('regions, parts', PAINTED.items())
def test_region_is_where_its_parts_paint_changes(monkeypatch, regions, parts):
    plain = draw_clip(ITEM, OPTIONS)[1]
    palette = face_renderer._palette

    def other_paint(who, scene):
        colours = palette(who, scene)
        return colours | {part: tuple((value + 128) % 256 for value in colours[part]) for part in parts}
    monkeypatch.setattr(face_renderer, '_palette', other_paint)
    changed = np.abs(draw_clip(ITEM, OPTIONS)[1].astype(int) - plain).max(axis=-1) > 40        # (T, 112, 112)
    labels = clip_faces(ITEM, OPTIONS, 112).parsing
    region = np.isin(labels, [REGION_ID[name] for name in regions.split()])
    share = region.reshape(len(labels), 112, 2, 112, 2).mean(axis=(2, 4))
    # Lines and lashes are drawn over the regions' edges.
    assert (changed & (share > 0)).sum() > 0.9 * changed.sum()
    assert (changed & (share > 0)).sum() > 0.4 * (share > 0).sum()


def test_landmarks_bound_their_regions():
    faces = clip_faces(ITEM, OPTIONS, 112)
    for points, regions in ((range(36, 42), ['left_eye']), (range(42, 48), ['right_eye']),
                            (range(48, 60), ['upper_lip', 'inner_mouth', 'lower_lip'])):
        for face, labels in zip(faces.landmarks[:, list(points)] * 2, faces.parsing):
            rows, columns = np.nonzero(np.isin(labels, [REGION_ID[name] for name in regions]))
            found = [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
            expected = [face[:, 0].min(), face[:, 0].max(), face[:, 1].min(), face[:, 1].max()]
            np.testing.assert_allclose(found, expected, atol=4)


def test_every_clip_and_video_gets_maps_of_all_its_frames(tmp_path):
    options = Options(seed=3, subjects=5, clips=35, static=0, size=16)
    out = tmp_path / 'set'
    make_dataset(out, options)
    assert write_maps(out, options, workers=2) == 42
    clips = [*(out / 'Clip/clip_224x224').iterdir(), *(out / 'videos').iterdir()]
    assert len(clips) == 42
    for clip in clips:
        frames = ClipFrames(str(clip))
        faces = load_faces(find_maps(str(clip)))
        assert len(faces) == len(frames) and faces.size == next(iter(frames)).shape[:2]
        assert re.match('synthetic', faces.source['parsing']) and (faces.state == 0).all()
