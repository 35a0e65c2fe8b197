"""Regions: foreign classes join ours by name, and sides are the picture's."""
import numpy as np
import pytest

from mmdfer.face.regions import PALETTE, REGION_ID, REGIONS, SWAPPED, order_sides, region_table

CELEBAMASK = ('background', 'skin', 'nose', 'eye_g', 'l_eye', 'r_eye', 'l_brow', 'r_brow', 'l_ear', 'r_ear', 'mouth',
              'u_lip', 'l_lip', 'hair', 'hat', 'ear_r', 'neck_l', 'neck', 'cloth')
LAPA = ('background', 'skin', 'left eyebrow', 'right eyebrow', 'left eye', 'right eye', 'nose', 'upper lip',
        'inner mouth', 'lower lip', 'hair')


def test_celebamask_classes_become_regions():
    names = [REGIONS[index].name for index in region_table(CELEBAMASK, 'parser')]
    assert names == ['background', 'skin', 'nose', 'skin', 'left_eye', 'right_eye', 'left_brow', 'right_brow',
                     'background', 'background', 'inner_mouth', 'upper_lip', 'lower_lip', 'hair', *['background'] * 5]


def test_lapa_order_is_ours():
    np.testing.assert_array_equal(region_table(dict(enumerate(LAPA)), 'parser'), np.arange(len(REGIONS)))


@pytest.mark.parametrize('names, message', [
    (('background', 'skin', 'sofa', 'lamp'), "'lamp', 'sofa' are no regions of a face"),
    (CELEBAMASK[:13] + ('hair', ), None), (('background', 'skin', 'nose', 'hair'), 'no class for left_brow'),
])
def test_other_classes_are_refused_by_name(names, message):
    if message is None:
        region_table(names, 'parser')
        return
    with pytest.raises(ValueError, match=message) as caught:
        region_table(names, '/models/ade')
    assert str(caught.value).startswith('/models/ade')


def test_no_name_stands_for_two_regions():
    names = [name for region in REGIONS for name in (region.name, *region.aliases)]
    assert len(names) == len(set(names)) and len({tuple(colour) for colour in PALETTE.tolist()}) == len(REGIONS)


def test_swapping_twice_changes_nothing_and_once_the_paired_regions_alone():
    ids = np.arange(len(REGIONS))
    np.testing.assert_array_equal(SWAPPED[SWAPPED[ids]], ids)
    moved = {REGIONS[index].name for index in ids if SWAPPED[index] != index}
    assert moved == {'left_brow', 'right_brow', 'left_eye', 'right_eye'}


def two_eyes(left, right):
    labels = np.zeros((3, 8, 20), np.uint8)
    labels[:, 3:5, 3:6], labels[:, 3:5, 13:16] = left, right
    labels[2, :, 10:] = 0                    # a profile: one eye is seen, and says nothing of the sides
    return labels


def test_sides_of_a_parser_that_means_the_persons_left_are_swapped():
    ours = two_eyes(REGION_ID['left_eye'], REGION_ID['right_eye'])
    theirs = two_eyes(REGION_ID['right_eye'], REGION_ID['left_eye'])
    np.testing.assert_array_equal(order_sides(ours), ours)
    np.testing.assert_array_equal(order_sides(theirs), ours)
