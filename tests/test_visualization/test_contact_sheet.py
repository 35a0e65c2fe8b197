"""Contact sheets keep order, captions and pixels."""
import matplotlib.image
import numpy as np
import pytest

from mmdfer.visualization import contact_sheet


def grey(value, height=20, width=30):
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_and_captions_in_order(tmp_path):
    figure = contact_sheet([grey(10), grey(20, 40), grey(30)[..., 0]], tmp_path / 'sheet.png', 2, ['a', 'b\nb', 'c'])
    assert [axes.get_title() for axes in figure.axes] == ['a', 'b\nb', 'c']
    assert [axes.images[0].get_array().flat[0] for axes in figure.axes] == [10, 20, 30]
    rows = [axes.get_subplotspec().rowspan.start for axes in figure.axes]
    columns = [axes.get_subplotspec().colspan.start for axes in figure.axes]
    assert (rows, columns) == ([0, 0, 1], [0, 1, 0])


def test_colours_arrive_in_the_file(tmp_path):
    red = grey(0)
    red[..., 0] = 255
    contact_sheet([red], tmp_path / 'sheet.png')
    pixels = matplotlib.image.imread(tmp_path / 'sheet.png')[..., :3].reshape(-1, 3)
    assert (pixels == (1, 0, 0)).all(axis=1).mean() > 0.3
    assert not (pixels == (0, 0, 1)).all(axis=1).any()


@pytest.mark.parametrize('images,settings,message', [
    ([], {}, 'images is empty'),
    ([grey(1)], dict(captions=['a', 'b']), '1 images, 2 captions'),
    ([grey(1)], dict(columns=0), 'columns=0'),
    ([grey(1), grey(1).astype(float)], {}, r'images\[1\] is float64 of shape \(20, 30, 3\)'),
    ([grey(1).transpose(2, 0, 1)], {}, r'images\[0\] is uint8 of shape \(3, 20, 30\)'),
])
def test_wrong_input_is_named(images, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        contact_sheet(images, tmp_path / 'sheet.png', **settings)
