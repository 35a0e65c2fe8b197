"""What scripts call: the examples of its docstrings run, and its options are those of the commands."""
import argparse
import doctest
import os

import pytest
import torch
from mmengine.config import Config

import mmdfer
from mmdfer import apis
from mmdfer.apis import configs, options, public
from mmdfer.apis.launching import add_launch_options
from mmdfer.backbones import AdapterViT

from ..conftest import write_dfew


def test_the_face_is_what_it_says():
    assert set(apis.__all__) <= set(dir(mmdfer)) and set(mmdfer.__all__) - {'__version__'} == set(apis.__all__)
    for name in apis.__all__:
        assert getattr(mmdfer, name) is getattr(apis, name) and getattr(mmdfer, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        mmdfer.trian


@pytest.mark.parametrize('declared, add', [(public.RunOptions, options.add_run_options),
                                           (public.TrainOptions, options.add_train_options)])
def test_keywords_are_the_options_of_the_command(declared, add):
    of_command = options_of(add) - options_of(add_launch_options) - {'name', 'no_report'}
    assert set(declared.__annotations__) == of_command | {'launcher'}


def options_of(add):
    parser = argparse.ArgumentParser(add_help=False)
    add(parser)
    return set(vars(parser.parse_args([])))


def test_an_unknown_keyword_offers_the_nearest():
    with pytest.raises(ValueError, match="there is no option 'data_rot'; did you mean 'data_root'"):
        mmdfer.test('demo/fe_adapter', data_rot='x')
    with pytest.raises(ValueError, match="there is no option 'amp'"):
        mmdfer.test('demo/fe_adapter', amp=True)


def test_a_config_that_is_given_stays_as_it_is():
    cfg = mmdfer.load_config('demo/fe_adapter')
    before = cfg.to_dict()
    made = options.read(cfg, {'train_cfg.max_epochs': 3})
    assert made.train_cfg.max_epochs == 3 and cfg.to_dict() == before
    assert isinstance(made, Config) and made.filename == cfg.filename


class LastLines(doctest.OutputChecker):
    """Compares the end of what is printed: before it stands the log of the run."""

    def check_output(self, want, got, optionflags):
        return got.endswith(want)


@pytest.mark.slow
def test_the_examples_run(tmp_path, monkeypatch):
    write_dfew(tmp_path / 'data/demo', train=8, test=7, frames=16, size=48, folds=(1, ))
    image = AdapterViT(dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=384), img_size=48,
                       patch_size=8)
    torch.save({f'backbone.{key}': value for key, value in image.state_dict().items()}, tmp_path / 'image.pth')
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(checker=LastLines())
    finder = doctest.DocTestFinder()
    tests = [test for module in (public, configs) for test in finder.find(module, globs={}) if test.examples]
    assert {test.name.rpartition('.')[2] for test in tests} == {
        'train', 'test', 'count_parameters', 'list_configs'}
    for test in sorted(tests, key=lambda test: test.lineno):
        runner.run(test)
    assert not runner.failures and runner.tries >= 6
    assert os.path.exists('work_dirs/example/test/metrics.json')
