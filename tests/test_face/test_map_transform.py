"""Maps lie on the pictures of a clip, whatever crop, size and flip these were given."""
import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose

from mmdfer.datasets import DFEWDataset
from mmdfer.face.landmarks import MIRRORED
from mmdfer.face.map_transform import View
from mmdfer.face.regions import PALETTE, REGION_ID, SWAPPED
from mmdfer.face.store import FaceMapsError, maps_path, save_faces
from mmdfer.synthetic import Options
from mmdfer.synthetic.maps import clip_faces
from mmdfer.synthetic.plan import Item

from ..conftest import write_clip
from ..test_face.samples import make_faces

FRAMES, SIZE = 18, (40, 40)
GEOMETRY = {
    'whole': [dict(type='Resize', scale=(56, 56), keep_ratio=False, interpolation='nearest')],
    'centre': [dict(type='Resize', scale=(-1, 56), interpolation='nearest'), dict(type='CenterCrop', crop_size=48)],
    'random': [dict(type='RandomResizedCrop', area_range=(0.3, 0.7)),
               dict(type='Resize', scale=(56, 48), keep_ratio=False, interpolation='nearest'),
               dict(type='Flip', flip_ratio=0.5)],
    'twice': [dict(type='RandomCrop', size=32), dict(type='RandomResizedCrop', area_range=(0.5, 0.9)),
              dict(type='Resize', scale=(64, 64), keep_ratio=False, interpolation='nearest'),
              dict(type='Flip', flip_ratio=1)],
    'lazy': [dict(type='RandomResizedCrop', area_range=(0.3, 0.7), lazy=True),
             dict(type='Resize', scale=(56, 48), keep_ratio=False, interpolation='nearest', lazy=True),
             dict(type='Flip', flip_ratio=0.5, lazy=True), dict(type='Fuse')],
}


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / 'clips' / '00001'
    write_clip(path, FRAMES, SIZE[0])
    return path


def save(clip, faces):
    save_faces(faces, maps_path(clip, clip.parent))
    return faces


def opened(clip, indices):
    return Compose([dict(type='ClipInit')])(dict(clip=str(clip), modality='RGB', frame_inds=np.array(indices)))


def transformed(clip, indices, images, geometry, seed):
    """Results after MMAction2's transforms, with pictures of our choice in place of the frames."""
    results = dict(opened(clip, indices), imgs=images, img_shape=images[0].shape[:2])
    np.random.seed(seed)
    return Compose([TRANSFORMS.build(step) for step in GEOMETRY[geometry]])(results)


@pytest.mark.parametrize('geometry', GEOMETRY)
@pytest.mark.parametrize('seed', range(4))
def test_label_maps_undergo_what_the_pictures_do(clip, geometry, seed):
    """The label maps themselves go through MMAction2's transforms as pictures, with the nearest pixel taken."""
    faces = make_faces(FRAMES, SIZE, seed)
    blocks = np.random.default_rng(seed).integers(0, 11, (FRAMES, 4, 4), dtype=np.uint8)
    faces.parsing = blocks.repeat(56, axis=1).repeat(56, axis=2)
    save(clip, faces)
    indices = [0, 5, 5, 17]
    pictures = [blocks[i].repeat(10, axis=0).repeat(10, axis=1)[..., None].repeat(3, axis=2) for i in indices]
    results = transformed(clip, indices, pictures, geometry, seed)
    expected = np.stack(results['imgs'])[..., 0]
    if results.get('flip'):
        expected = SWAPPED[expected]
    found = TRANSFORMS.build(dict(type='LoadFaceMaps', what=['parsing']))(results)['parsing_maps']
    assert found.shape == (3, 4, *results['img_shape']) and found.dtype == torch.uint8
    # OpenCV's nearest pixel is told from a corner, ours from the centre: they differ by one along the blocks' edges.
    agree = (found.numpy().transpose(1, 2, 3, 0) == PALETTE[expected]).all(axis=-1)
    inside = np.ones_like(agree)
    for axis in (1, 2):
        edges = np.diff(expected, axis=axis) != 0
        for low, high in ((0, 1), (1, 0)):
            inside &= ~np.pad(edges, [(low, high) if other == axis else (0, 0) for other in range(3)])
    assert inside.mean() > 0.5 and agree[inside].mean() > 0.995


@pytest.mark.parametrize('geometry', ['random', 'twice', 'lazy'])
@pytest.mark.parametrize('seed', range(6))
def test_landmarks_undergo_what_the_pictures_do(clip, geometry, seed):
    """A bright square in the picture stays under its landmark."""
    faces = make_faces(FRAMES, SIZE, seed)
    rows, columns = 18, 22
    faces.landmarks[:] = (columns + 0.5, rows + 0.5)
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[rows, columns] = 255
    results = transformed(clip, [3], [picture], geometry, seed)
    points = np.argwhere(results['imgs'][0][..., 0])
    view = View.of(results)
    drawn = {}

    def keep(face, size):
        drawn['points'] = face
        return np.zeros((*size, 3), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmdfer.face.map_transform.render_landmarks', keep)
        view.landmarks(faces)
    if not len(points):                 # cropped away
        x, y = drawn['points'][0]
        assert not (0 <= x < view.size[1] and 0 <= y < view.size[0])
        return
    np.testing.assert_allclose(drawn['points'][0], points.mean(axis=0)[::-1] + 0.5, atol=1.)


def test_maps_of_a_flipped_clip_are_the_flipped_maps(clip):
    """Faces of the mirrored clip, written by hand, against the faces of the clip under Flip."""
    faces = make_faces(FRAMES, SIZE, 1)
    mirrored = make_faces(FRAMES, SIZE, 1)
    mirrored.parsing = SWAPPED[faces.parsing[:, :, ::-1]]
    mirrored.landmarks = np.stack([40 - faces.landmarks[:, MIRRORED, 0], faces.landmarks[:, MIRRORED, 1]], axis=-1)
    loader = TRANSFORMS.build(dict(type='LoadFaceMaps'))
    found = []
    for version, flip in ((faces, 1), (mirrored, 0)):
        save(clip, version)
        results = dict(opened(clip, range(FRAMES)), img_shape=SIZE, imgs=[np.zeros((*SIZE, 3), np.uint8)] * FRAMES)
        found.append(loader(TRANSFORMS.build(dict(type='Flip', flip_ratio=flip))(results)))
    for key in ('parsing_maps', 'landmark_maps'):
        torch.testing.assert_close(found[0][key], found[1][key], rtol=0, atol=0)
    save(clip, faces)
    for key, maps in loader(dict(results, flip=False)).items():
        if key.endswith('_maps') and key != 'has_face_maps':
            assert not torch.equal(maps.flip(-1), found[0][key])        # more than mirrored: left and right are swapped


def test_left_parts_are_drawn_left_before_and_after_the_flip():
    face = clip_faces(Item('clip', 3, 1, 'happy', 1), Options(), 224)
    pictures = []
    for flip in (False, True):
        view = View((0, 0, 1, 1), (224, 224), flip)
        landmarks, labels = view.landmarks(face)[0], view.labels(face)[0]
        pictures.append(landmarks)
        for part in ('brow', 'eye'):
            ids = [REGION_ID[f'{side}_{part}'] for side in ('left', 'right')]
            for picture, codes, limit in ((landmarks, PALETTE[ids].astype(int), 30), (labels[..., None], ids, 1)):
                close = [np.abs(picture - code).max(axis=-1) < limit for code in codes]
                left, right = (np.flatnonzero(mask.any(axis=0)) for mask in close)
                assert len(left) and len(right) and left.max() < right.min()
    lit = [picture.max(axis=-1) > 100 for picture in pictures]
    assert (lit[0][:, ::-1] & lit[1]).sum() > 0.85 * (lit[0][:, ::-1] | lit[1]).sum()


def test_frames_without_a_face_are_black_and_a_clip_without_any_says_so(clip):
    loader = TRANSFORMS.build(dict(type='LoadFaceMaps'))
    results = dict(opened(clip, [0, 1, 2]), img_shape=SIZE, imgs=[None] * 3)
    save(clip, make_faces(FRAMES, SIZE, missing=(1, )))
    found = loader(results)
    assert found['has_face_maps'] and not found['parsing_maps'][:, 1].any() and not found['landmark_maps'][:, 1].any()
    assert found['parsing_maps'][:, 0].any() and found['landmark_maps'][:, 2].any()
    save(clip, make_faces(FRAMES, SIZE, missing=range(FRAMES)))
    assert not loader(results)['has_face_maps']


def test_clip_without_maps_is_an_error_or_goes_without(clip):
    results = dict(opened(clip, [0, 1]), img_shape=SIZE, imgs=[None] * 2)
    with pytest.raises(FaceMapsError, match='has no face maps; run mmdfer faces .* missing="blank"'):
        TRANSFORMS.build(dict(type='LoadFaceMaps'))(results)
    found = TRANSFORMS.build(dict(type='LoadFaceMaps', missing='blank'))(results)
    assert not found['has_face_maps'] and found['parsing_maps'].shape == (3, 2, *SIZE)
    assert not found['parsing_maps'].any() and not found['landmark_maps'].any()
    save(clip, make_faces(FRAMES + 1, SIZE))
    with pytest.raises(FaceMapsError, match='maps of 19 frames, the clip has 18'):
        TRANSFORMS.build(dict(type='LoadFaceMaps', missing='blank'))(results)


@pytest.mark.parametrize('change, message', [
    (dict(lazy={}), 'put Fuse before it'), (dict(imgs=np.zeros((1, 3, 2, 40, 40))), 'put it before FormatShape'),
    (dict(imgs=[None] * 6), '6 pictures for 2 sampled frames'),
    (dict(flip=True, flip_direction='vertical'), 'vertical'),
])
def test_views_that_are_not_known_are_refused(clip, change, message):
    save(clip, make_faces(FRAMES, SIZE))
    results = dict(opened(clip, [0, 1]), img_shape=SIZE, imgs=[None] * 2) | change
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(dict(type='LoadFaceMaps'))(results)


@pytest.mark.parametrize('arguments', [dict(what=['parsing', 'depth']), dict(what=[]), dict(missing='skip')])
def test_other_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match='LoadFaceMaps'):
        TRANSFORMS.build(dict(type='LoadFaceMaps', **arguments))


def test_a_pipeline_packs_maps_of_the_sampled_frames(dfew, tmp_path):
    pipeline = [
        dict(type='ClipInit'), dict(type='SampleSegments', num_frames=4), dict(type='ClipDecode'),
        dict(type='RandomResizedCrop'), dict(type='Resize', scale=(32, 32), keep_ratio=False), dict(type='Flip'),
        dict(type='LoadFaceMaps', root=str(tmp_path)), dict(type='ColorJitter'),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', algorithm_keys=('parsing_maps', 'landmark_maps', 'has_face_maps'))]
    dataset = DFEWDataset(pipeline, str(dfew))
    clips = dataset.data_prefix['clip']
    for index in range(len(dataset)):
        save_faces(make_faces(18, SIZE, index), maps_path(dataset.get_data_info(index)['clip'], clips, tmp_path))
    item = dataset[0]
    assert item['inputs'].shape == (1, 3, 4, 32, 32)
    sample = item['data_samples']
    assert sample.parsing_maps.shape == sample.landmark_maps.shape == (3, 4, 32, 32) and sample.has_face_maps
