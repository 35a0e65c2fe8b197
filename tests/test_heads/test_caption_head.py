"""Contrastive training on captions: open_clip's loss, equal captions, and the same with one process or two."""
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope
from torch.nn import functional as F

from mmdfer.heads.caption_head import contrastive_loss, gather_with_gradient
from mmdfer.registry import MODELS

from ..commands import in_copies
from ..test_text.clip_models import TEXT

CAPTIONS = ['the mouth opens', 'brows are drawn together', 'a smile', 'eyes widen slowly']


def build(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(
        dict(type='CaptionContrastiveHead', num_classes=7, texts=dict(dataset='dfew'), temperature=0.1,
             text_encoder=dict(type='CLIPTextEncoder', arch=TEXT, adapters=[
                 dict(type='BottleneckAdapter', slot='ffn_out', reduction=8, zero_init=False)])), **kwargs))


def samples(captions):
    return [ActionDataSample(metainfo=dict(caption=caption, video_id=str(i))) for i, caption in enumerate(captions)]


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_the_loss_is_open_clips():
    import open_clip
    clips, texts = unit(4, 8), unit(4, 8, seed=1)
    expected = open_clip.loss.ClipLoss()(clips, texts, torch.tensor(10.))
    torch.testing.assert_close(contrastive_loss(clips, texts, torch.arange(4)[:, None], torch.tensor(10.)), expected)


def test_equal_captions_are_not_pushed_apart():
    clips, texts = unit(4, 8), unit(4, 8, seed=1)
    texts[1] = texts[0]
    tokens = torch.tensor([[0], [0], [1], [2]])
    scores = 5 * clips @ texts.T
    share = torch.tensor([[.5, .5, 0, 0], [.5, .5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    expected = -((share * scores.log_softmax(1)).sum(1) + (share * scores.T.log_softmax(1)).sum(1)).mean() / 2
    torch.testing.assert_close(contrastive_loss(clips, texts, tokens, torch.tensor(5.)), expected)


def test_a_step_moves_the_text_adapters_and_prediction_needs_no_caption():
    head = build()
    head.loss(torch.randn(4, 3, 32), samples(CAPTIONS))['loss_contrast'].backward()
    for name, parameter in head.text_encoder.named_parameters():
        assert (parameter.grad is not None) == ('.adapters.' in name)
    assert head.predict(torch.randn(2, 3, 32), [ActionDataSample() for _ in range(2)])[0].pred_score.shape == (7, )


def test_a_clip_without_caption_is_named():
    with pytest.raises(ValueError, match=r"1 of 2 clips have no caption \(such as \['1'\]\)"):
        build().loss(torch.randn(2, 3, 32), samples(['a', '']))


def test_a_caption_over_the_context_is_cut_only_on_request():
    long = samples(['word ' * 90, 'short'])
    with pytest.raises(ValueError, match='over the context of 77'):
        build().loss(torch.randn(2, 3, 32), long)
    assert build(truncate=True).loss(torch.randn(2, 3, 32), long)['loss_contrast'].requires_grad


def _one_process(rank, world, folder):
    torch.set_num_threads(1)
    init_default_scope('mmaction')
    file = f'{folder}/store{world}'
    torch.distributed.init_process_group('gloo', init_method=f'file://{file}', rank=rank, world_size=world)
    head, feats = build(), torch.randn(4, 3, 32, generator=torch.Generator().manual_seed(3))
    part = slice(rank * 4 // world, (rank + 1) * 4 // world)
    mine = feats[part].requires_grad_()
    loss = head.loss(mine, samples(CAPTIONS[part]))['loss_contrast']
    loss.backward()
    grads = {name: p.grad for name, p in head.named_parameters() if p.grad is not None}
    for value in grads.values():                                       # as DDP does
        torch.distributed.all_reduce(value)
        value /= world
    total = loss.detach().clone()
    torch.distributed.all_reduce(total)
    if rank == 0:
        torch.save((float(total) / world, grads), f'{folder}/found{world}.pt')
    torch.distributed.destroy_process_group()


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    found = []
    for world in (1, 2):
        in_copies(_one_process, (world, str(tmp_path)), world)
        found.append(torch.load(tmp_path / f'found{world}.pt'))
    (loss, grads), (loss2, grads2) = found
    assert loss2 == pytest.approx(loss, rel=1e-5) and grads.keys() == grads2.keys()
    for name, value in grads.items():
        torch.testing.assert_close(grads2[name], value, rtol=1e-4, atol=1e-6)


def test_one_process_gathers_nothing():
    x = torch.randn(2, 3)
    assert gather_with_gradient(x) is x
