"""What is loaded beside the frames is told once, and stands in every pipeline behind the crops."""
from mmengine.config import Config

from mmdfer.config_reading import place_beside_frames
from mmdfer.run_config import load_config

SPATIAL = {'RandomResizedCrop', 'Resize', 'CenterCrop', 'Flip'}


def kinds(pipeline):
    return [step['type'] for step in pipeline]


def test_maps_and_captions_follow_the_crops_and_are_packed():
    cfg = load_config('finecliper_vitb16_ferv39k')
    pipelines = [cfg.train_pipeline, cfg.test_pipeline,
                 *(cfg[f'{name}_dataloader'].dataset.pipeline for name in ('train', 'val', 'test'))]
    for pipeline in pipelines:
        found = kinds(pipeline)
        maps, captions = found.index('LoadFaceMaps'), found.index('LoadCaption')
        assert max(found.index(kind) for kind in SPATIAL & set(found)) < maps < captions < found.index('FormatShape')
        assert found.count('LoadCaption') == 1
        packing = pipeline[-1]
        assert packing['meta_keys'] == ('video_id', 'img_shape', 'caption')
        assert packing['algorithm_keys'] == ('parsing_maps', 'landmark_maps', 'has_face_maps')
    assert 'beside_frames' not in cfg
    assert load_config('fe_adapter_vitb_ferv39k').test_pipeline == [
        dict(step, meta_keys=('video_id', 'img_shape')) if step['type'] == 'PackActionInputs' else step
        for step in load_config('finecliper_zeroshot_vitb16_ferv39k').test_pipeline if step['type'] != 'LoadCaption']


def test_a_part_is_left_out_by_none_and_an_option_reaches_it():
    cfg = load_config('finecliper_vitb16_dfew', {'beside_frames.captions': None})
    assert 'LoadFaceMaps' in kinds(cfg.test_pipeline) and 'LoadCaption' not in kinds(cfg.test_pipeline)
    assert cfg.test_pipeline[-1]['meta_keys'] == ('video_id', 'img_shape')
    named = load_config('finecliper_vitb16_dfew', {'beside_frames.captions.steps.0.file': 'mine.jsonl'})
    assert [step.file for step in named.test_pipeline if step.type == 'LoadCaption'] == ['mine.jsonl']


def test_a_config_that_was_put_together_and_written_is_read_as_it_is(tmp_path):
    cfg = load_config('finecliper_vitb16_mafw')
    cfg.dump(tmp_path / 'written.py')
    again = load_config(tmp_path / 'written.py')
    assert kinds(again.test_pipeline) == kinds(cfg.test_pipeline)


def test_pipelines_of_pictures_stay_as_they_are():
    steps = [dict(type='mmpretrain.LoadImageFromFile'), dict(type='mmpretrain.PackInputs')]
    cfg = Config(dict(test_pipeline=steps, beside_frames=dict(captions=dict(steps=[dict(type='LoadCaption')]))))
    place_beside_frames(cfg)
    assert cfg.test_pipeline == steps
