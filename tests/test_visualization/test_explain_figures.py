"""Figures of explanations show what they are given, in every format, and refuse what they cannot show."""
import re

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex

from mmdfer.labels import EMOTIONS, class_colours
from mmdfer.visualization.bubbles import Bubble, plot_bubbles
from mmdfer.visualization.caption_pairs import CaptionedClip, plot_captions
from mmdfer.visualization.class_similarity import plot_class_similarity
from mmdfer.visualization.dilation import dilation_scale, plot_dilations
from mmdfer.visualization.embedding import EmbeddingPanel, plot_embedding
from mmdfer.visualization.figure import check_formats, ink_on, new_figure, save_formats
from mmdfer.visualization.frame_importance import ImportanceClip, plot_frame_importance
from mmdfer.visualization.heat_rows import HeatClip, HeatScale, overlaid, plot_heat_rows

FRAMES = np.full((4, 8, 8, 3), 128, np.uint8)
SCALE = HeatScale(0, 2, 'weight')
CLASSES = ['happy', 'sad', 'fear']


def test_a_figure_is_written_in_every_format_and_equal_ones_are_equal_files(tmp_path):
    def drawn(stem):
        figure = new_figure(2, 1)
        figure.text(0.1, 0.5, 'brows & mouth')
        return save_formats(figure, tmp_path / stem, ('png', 'pdf', 'svg'))

    first, second = drawn('one'), drawn('two')
    assert [path.name for path in first] == ['one.png', 'one.pdf', 'one.svg']
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert matplotlib.image.imread(first[0]).shape == (150, 300, 4)
    assert first[1].read_bytes().startswith(b'%PDF')
    text = first[2].read_text()
    assert 'brows &amp; mouth' in text and re.search(r"font-family: 'Segoe UI', 'Helvetica Neue', 'Arial'", text)
    for formats, told in ((('png', 'jpg'), 'format jpg: figures are written as png, pdf, svg'), ((), 'figures are')):
        with pytest.raises(ValueError, match=told):
            check_formats(formats)


def test_heat_lies_where_the_map_is_high():
    maps = np.zeros((4, 2, 2))
    maps[:, 0, 1] = 2
    picture = overlaid(FRAMES, maps, SCALE)[0].astype(int)
    assert picture.shape == (8, 8, 3)
    corner, far = picture[0, 7], picture[7, 0]
    assert corner[0] - corner[2] > 60 and np.ptp(far) == 0                   # yellow, and the frame's own grey


def test_rows_of_maps_stand_below_the_frames_on_one_scale():
    rows = {'base': np.ones((4, 2, 2)), 'ours': np.ones((4, 4, 4))}
    figure = plot_heat_rows([HeatClip(f'clip {index}', FRAMES, rows) for index in range(2)], SCALE, None, 'title')
    strips = [axes for axes in figure.axes if axes.images and axes.get_label() != '<colorbar>']
    assert [axes.get_ylabel() for axes in strips] == ['', 'base', 'ours'] * 2
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert texts == ['clip 0', 'clip 1'] and figure.axes[-1].get_ylabel() == 'weight'
    for clips, told in (([], 'clips is empty'), ([HeatClip('c', FRAMES, {})], 'c: has no map'),
                        ([HeatClip('c', FRAMES, {'a': np.ones((3, 2, 2))})], r'c, a: maps \(3, 2, 2\) for 4 frames'),
                        ([HeatClip('c', FRAMES, {'a': np.full((4, 2, 2), np.nan)})], 'no number')):
        with pytest.raises(ValueError, match=told):
            plot_heat_rows(clips, SCALE, None)


def test_importance_is_drawn_frame_by_frame():
    shares, losses = {'base': np.array([.1, .2, .3, .4])}, {'base': np.array([.0, .1, -.1, .2])}
    figure = plot_frame_importance([ImportanceClip('one', FRAMES, shares, losses)], None)
    lines = [axes.lines[0].get_xydata() for axes in figure.axes[1:3]]
    np.testing.assert_allclose(lines[0], np.column_stack([range(1, 5), [10, 20, 30, 40]]))
    np.testing.assert_allclose(lines[1][:, 1], [0, 10, -10, 20])
    assert figure.axes[1].lines[1].get_ydata()[0] == 25                      # where all frames are equal
    assert len(plot_frame_importance([ImportanceClip('one', FRAMES, {}, losses)], None).axes) == 2
    for clip, told in ((ImportanceClip('one', FRAMES, {}, {}), 'neither shares nor losses'),
                       (ImportanceClip('one', FRAMES, {'a': np.ones(3)}, {}), 'a number for each of 4 frames')):
        with pytest.raises(ValueError, match=told):
            plot_frame_importance([clip], None)


def test_dilations_are_averaged_over_clips():
    sizes = np.ones((2, 3, 3, 4, 2, 2))
    sizes[:, :, 0] = np.array([0.5, 1.5])[:, None, None, None, None]
    sizes[:, 2, 1] = 2
    figure = plot_dilations(sizes, ['1', '2', '3'], FRAMES[:2], None)
    over_time, over_blocks = figure.axes[:2]
    np.testing.assert_allclose(over_time.lines[0].get_ydata(), [1] * 4)
    np.testing.assert_allclose(over_blocks.lines[1].get_ydata(), [1, 1, 2])
    assert [axes.get_title() for axes in figure.axes[2:5]] == [
        'along time: 1.00 to 1.00', 'along height: 1.33 to 1.33', 'along width: 1.00 to 1.00']
    scale = dilation_scale(np.array([0.8, 1.5]))
    assert scale.low + scale.high == 2 and scale.high == pytest.approx(1.5, abs=0.01)      # 1 in the middle
    with pytest.raises(ValueError, match='expected'):
        plot_dilations(sizes, ['1', '2'], FRAMES, None)


def test_points_have_their_classes_colours_and_panels_their_silhouettes():
    points, labels = np.arange(8.).reshape(4, 2), np.array([0, 1, 1, 0])
    panels = [EmbeddingPanel('fold 1', points, labels, 0.25), EmbeddingPanel('fold 2', points, labels)]
    figure = plot_embedding(panels, CLASSES, None)
    assert [axes.get_title() for axes in figure.axes] == ['fold 1\nsilhouette +0.250, 4 clips', 'fold 2\n4 clips']
    happy, sad, fear = figure.axes[0].collections
    assert [to_hex(one.get_facecolor()[0]) for one in (happy, sad)] == class_colours(CLASSES)[:2]
    np.testing.assert_array_equal(happy.get_offsets(), points[[0, 3]])
    assert len(fear.get_offsets()) == 0
    assert [text.get_text() for text in figure.legends[0].texts] == ['happy', 'sad', 'fear (no clip)']
    signs = {path.vertices.shape for one in (happy, sad) for path in one.get_paths()}
    assert len(signs) == 2                                                    # told apart without colours
    for panel in (EmbeddingPanel('x', points[:3], labels), EmbeddingPanel('x', points * np.nan, labels)):
        with pytest.raises(ValueError, match='x: expected a point'):
            plot_embedding([panel], CLASSES, None)


def test_similarities_are_means_of_the_classes_clips():
    cosines, labels = np.array([[.1, .3, .2], [.3, .5, .4], [.9, .1, .1]]), np.array([1, 1, 0])
    axes = plot_class_similarity(cosines, labels, CLASSES, None).axes[0]
    cells = {(int(text.get_position()[1]), int(text.get_position()[0])): (text.get_text(), text.get_fontweight())
             for text in axes.texts}
    assert cells[1, 1] == ('0.40', 'bold') and cells[1, 0] == ('0.20', 'normal') and cells[0, 0] == ('0.90', 'bold')
    assert not any(row == 2 for row, _ in cells) and any(patch.get_hatch() for patch in axes.patches)
    assert [label.get_text() for label in axes.get_yticklabels()] == ['happy (1)', 'sad (2)', 'fear (0)']
    with pytest.raises(ValueError, match='expected numbers for 3 clips and 3 classes'):
        plot_class_similarity(cosines * np.nan, labels, CLASSES, None)


def test_captions_stand_side_by_side():
    texts = {'raw': 'the brows ' * 30, 'refined': None}
    figure = plot_captions([CaptionedClip('3: sad', FRAMES, texts)], None)
    assert [text.get_text() for axes in figure.axes[1:] for text in axes.texts[:1]] == ['raw (60 words)',
                                                                                       'refined (none)']
    assert ' '.join(figure.axes[1].texts[1].get_text().split()) == texts['raw'].strip()
    with pytest.raises(ValueError, match=r"4: has captions of \['raw'\], the first clip of"):
        plot_captions([CaptionedClip('3', FRAMES, texts), CaptionedClip('4', FRAMES, {'raw': 'a'})], None)


def test_bubbles_lie_at_their_figures_and_grow_with_parameters():
    bubbles = [Bubble('A', 6.6e6, 0.7367, 'paper'), Bubble('B', 90e6, 0.7125), Bubble('C', 30e6, 0.7, 'ours')]
    axes = plot_bubbles(bubbles, None, 'DFEW').axes[0]
    drawn = {tuple(one.get_offsets()[0].round(4)): one.get_sizes()[0] for one in axes.collections
             if len(one.get_offsets())}
    assert set(drawn) == {(6.6, 73.67), (90, 71.25), (30, 70)}
    assert drawn[90, 71.25] / drawn[30, 70] == pytest.approx(3)
    assert {text.get_text() for text in axes.texts} == {'A', 'B', 'C'} and axes.get_xscale() == 'log'
    for bad, told in (([], 'bubbles is empty'), ([Bubble('A', 0, 0.5)], 'above 0'), ([Bubble('A', 1, 70)], 'WAR in'),
                      ([Bubble('A', 1, 0.7, 'mine')], 'kind of paper, other, ours')):
        with pytest.raises(ValueError, match=told):
            plot_bubbles(bad, None)


def test_names_of_bubbles_cover_no_other_name():
    bubbles = [Bubble(f'model number {index}', 1e7 * (1 + 0.05 * index), 0.7 + 0.002 * index) for index in range(6)]
    figure = plot_bubbles(bubbles, None)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])


def test_ink_reads_on_every_class_colour():
    from matplotlib.colors import to_rgb

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055)**2.4 for c in to_rgb(colour)]
        return np.dot(linear, (0.2126, 0.7152, 0.0722))

    for colour in [*(emotion.colour for emotion in EMOTIONS.values()), '#000000', '#ffffff']:
        light, dark = sorted((luminance(colour), luminance(ink_on(colour))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 4.5                           # WCAG 2, level AA
