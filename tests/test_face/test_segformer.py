"""A SegFormer parser from a local folder, here a tiny one with random weights."""
import json

import numpy as np
import pytest
import torch
from PIL import Image

from mmdfer.face.regions import REGION_ID
from mmdfer.face.segformer import SegFormerParser

from .test_regions import CELEBAMASK, LAPA

transformers = pytest.importorskip('transformers')


def save_parser(folder, names=CELEBAMASK, size=64):
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        num_encoder_blocks=4, depths=[1] * 4, hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1] * 4,
        decoder_hidden_size=16, id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)})
    model = transformers.SegformerForSemanticSegmentation(config).eval()
    with torch.no_grad():           # random towers give one class everywhere: spread the classes
        model.decode_head.classifier.weight.normal_(0, 5)
    model.save_pretrained(folder)
    transformers.SegformerImageProcessor(size=dict(height=size, width=size)).save_pretrained(folder)
    return model


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (50, 60, 3), dtype=np.uint8) for _ in range(5)]


@pytest.mark.parametrize('names', [CELEBAMASK, LAPA])
def test_labels_are_the_models_classes_joined_to_regions(tmp_path, frames, names):
    model = save_parser(tmp_path, names)
    boxes = np.array([[5, 5, 45, 45]] * 5, float)
    boxes[3] = np.nan
    found = SegFormerParser(str(tmp_path), batch_size=2).parse(frames, boxes)
    assert found.shape == (5, 224, 224) and found.dtype == np.uint8 and not found[3].any()

    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    seen = 0
    for index in (0, 1, 2, 4):
        crop = Image.fromarray(frames[index][5:45, 5:45]).resize((64, 64), Image.Resampling.BILINEAR)
        pixels = (torch.from_numpy(np.array(crop)).permute(2, 0, 1) / 255 - mean) / std
        with torch.no_grad():
            logits = model(pixels[None]).logits
        logits = torch.nn.functional.interpolate(logits, (224, 224), mode='bilinear', align_corners=False)
        classes = logits.argmax(1)[0].numpy()
        for name in ('nose', 'hair'):                               # no sides in these
            expected = classes == names.index(name)
            assert ((found[index] == REGION_ID[name]) == expected).mean() > 0.999
            seen += expected.sum()
    assert seen


@pytest.mark.parametrize('change, message', [
    (dict(model_type='vit'), "is a model of type 'vit'; expected a SegFormer"),
    (dict(id2label={'0': 'wall', '1': 'floor'}, label2id=dict(wall=0, floor=1)), "'floor', 'wall' are no regions"),
])
def test_other_models_are_refused(tmp_path, change, message):
    save_parser(tmp_path)
    path = tmp_path / 'config.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        SegFormerParser(str(tmp_path))


def test_folder_without_a_model_or_with_a_backbone_alone_is_refused(tmp_path):
    with pytest.raises(ValueError, match='holds no config.json'):
        SegFormerParser(str(tmp_path))
    model = save_parser(tmp_path)
    model.segformer.save_pretrained(tmp_path / 'backbone')
    path = tmp_path / 'backbone' / 'config.json'
    path.write_text((tmp_path / 'config.json').read_text())
    with pytest.raises(ValueError, match='not of a bare backbone'):
        SegFormerParser(str(tmp_path / 'backbone'))
    (tmp_path / 'model.safetensors').unlink()
    with pytest.raises(ValueError, match='its weights cannot be read'):
        SegFormerParser(str(tmp_path))
