"""What a face's maps show of a frame, and the way there and back."""
import numpy as np
import pytest

from mmdfer.face.boxes import cut, from_crop, iou, map_box, to_crop


@pytest.mark.parametrize('size, box, expected', [
    ((224, 224), (20, 10, 200, 220), (0, 0, 224, 224)),             # a face crop: the whole frame
    ((360, 640), (300, 100, 400, 200), (275, 75, 425, 225)),        # half a face's edge around it
    ((360, 640), (-20, 100, 80, 200), (0, 75, 150, 225)),           # moved into the frame
    ((360, 640), (560, 300, 660, 400), (490, 210, 640, 360)),
    ((100, 300), (50, -10, 250, 110), (100, 0, 200, 100)),          # never larger than the frame
])
def test_maps_show_a_square_inside_the_frame(size, box, expected):
    np.testing.assert_array_equal(map_box(np.array(box, float), size), expected)


def test_points_go_to_a_map_and_back():
    rng = np.random.default_rng(0)
    points, box = rng.uniform(0, 300, (7, 2)), np.array([31., 42., 131., 142.])
    np.testing.assert_allclose(from_crop(to_crop(points, box, 224), box, (224, 224)), points)
    np.testing.assert_allclose(to_crop(np.array([[31., 42.], [131., 142.]]), box, 224), [[0, 0], [224, 224]])


def test_overlap_is_that_of_counted_pixels():
    rng = np.random.default_rng(1)
    corners = np.sort(rng.integers(0, 30, (9, 2, 2)), axis=1) + np.array([[0, 0], [1, 1]])
    boxes = corners.reshape(9, 4).astype(float)
    canvas = np.zeros((9, 32, 32), bool)
    for mask, (x1, y1, x2, y2) in zip(canvas, boxes.astype(int)):
        mask[y1:y2, x1:x2] = True
    expected = [(canvas[0] & mask).sum() / (canvas[0] | mask).sum() for mask in canvas]
    np.testing.assert_allclose(iou(boxes[0], boxes), expected)


def test_cut_goes_on_beyond_the_frame_with_its_edge():
    image = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    crop, shown = cut(image, np.array([-2., 1., 4., 7.]))
    padded = np.pad(image, ((0, 2), (2, 0), (0, 0)), mode='edge')
    np.testing.assert_array_equal(crop, padded[1:7, :6])
    np.testing.assert_array_equal(shown, (-2, 1, 4, 7))
    assert cut(image, np.array([0., 0., 6., 5.]), longest=3)[0].shape == (2, 3, 3)


@pytest.mark.parametrize('box', [(-3, -2, 9, 8), (2, 1, 7, 4), (-5, 1, -2, 3), (8, 6, 11, 9), (3, -4, 5, 20)])
def test_each_pixel_of_a_cut_is_the_nearest_of_the_frame(box):
    image = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    crop, shown = cut(image, np.array(box, float))
    assert tuple(shown) == box and crop.shape == (box[3] - box[1], box[2] - box[0], 3)
    for row, column in np.ndindex(*crop.shape[:2]):
        assert (crop[row, column] == image[min(max(box[1] + row, 0), 4), min(max(box[0] + column, 0), 5)]).all()
