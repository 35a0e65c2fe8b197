"""Small CLIP models of open_clip with random weights, and our towers with the same ones, copied name by name."""
import torch
from torch import nn

from mmdfer.backbones import AdapterViT
from mmdfer.text import CLIPTextEncoder

VISION = dict(embed_dims=64, num_layers=3, num_heads=1, feedforward_channels=256)
TEXT = dict(embed_dims=64, num_layers=3, num_heads=1, feedforward_channels=256, proj_dim=32)
QUICK = dict(act_cfg=dict(type='mmpretrain.QuickGELU'))


def open_clip_model(vision=VISION, text=TEXT, image_size=32, patch_size=8, context=77, quick_gelu=True):
    """open_clip's CLIP, every weight random, so that no bias or norm is left at its start."""
    import open_clip
    torch.manual_seed(0)
    model = open_clip.model.CLIP(
        text['proj_dim'],
        vision_cfg=dict(image_size=image_size, layers=vision['num_layers'], width=vision['embed_dims'],
                        head_width=vision['embed_dims'] // vision['num_heads'], patch_size=patch_size),
        text_cfg=dict(context_length=context, width=text['embed_dims'], heads=text['num_heads'],
                      layers=text['num_layers']),
        quick_gelu=quick_gelu)
    randomise(model)
    return model.eval()


def randomise(model):
    with torch.no_grad():
        for parameter in model.parameters():
            # Norms' factors stay about 1 and outputs of order 1, so that 1e-5 asks for every digit of float32.
            if parameter.ndim == 1:
                parameter.add_(0.05 * torch.randn_like(parameter))
            elif parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.5 * parameter.shape[-1]**-0.5)
    return model


def randomise_by_one_draw(model):
    """As :func:`randomise` does with a model just made, whatever it holds, by parts of one draw: for hundreds of
    millions of parameters."""
    noise = torch.randn(2**20 + 7)
    with torch.no_grad():
        for parameter in model.parameters():
            scale = 0.5 * parameter.shape[-1]**-0.5 if parameter.ndim > 1 else 0.05
            begin, shift = int(torch.randint(2**19, ())), float(parameter.ndim == 1)
            for part in parameter.view(-1).split(2**19):
                torch.mul(noise[begin:begin + len(part)], scale, out=part).add_(shift)
                begin = (begin + 104729) % 2**19            # a prime further, so that no row is another's


def our_vision(vision=VISION, image_size=32, patch_size=8, proj_dim=32, layer_cfg=QUICK, **kwargs):
    return AdapterViT(vision, img_size=image_size, patch_size=patch_size, pre_norm=True, proj_dim=proj_dim,
                      norm_cfg=dict(type='LN', eps=1e-5), layer_cfg=layer_cfg, **kwargs).eval()


def our_text(text=TEXT, context=77, **kwargs):
    return CLIPTextEncoder(text, context_length=context, **kwargs).eval()


def put(mine, value, shared):
    """A value for a parameter: a copy, or what is there already, of which there is a gigabyte in the large towers."""
    if shared:
        mine.data = value.detach()
    else:
        mine.copy_(value)


def put_all(ours, theirs, shared):
    values = dict(theirs.named_parameters())
    assert values.keys() == dict(ours.named_parameters()).keys()
    for name, mine in ours.named_parameters():
        put(mine, values[name], shared)


def put_blocks(ours, theirs, shared):
    for mine, block in zip(ours, theirs, strict=True):
        put_all(mine.ln1, block.ln_1, shared)
        put_all(mine.ln2, block.ln_2, shared)
        put(mine.attn.qkv.weight, block.attn.in_proj_weight, shared)
        put(mine.attn.qkv.bias, block.attn.in_proj_bias, shared)
        put_all(mine.attn.proj, block.attn.out_proj, shared)
        put_all(mine.ffn.layers[0][0], block.mlp.c_fc, shared)
        put_all(mine.ffn.layers[1], block.mlp.c_proj, shared)


@torch.no_grad()
def copy_vision(ours, theirs, shared=False):
    put(ours.cls_token, theirs.class_embedding[None, None], shared)
    put(ours.pos_embed, theirs.positional_embedding[None], shared)
    put(ours.patch_embed.projection.weight, theirs.conv1.weight, shared)
    put(ours.out_proj.weight, theirs.proj.T, shared)
    put_all(ours.pre_norm, theirs.ln_pre, shared)
    put_all(ours.ln1, theirs.ln_post, shared)
    put_blocks(ours.layers, theirs.transformer.resblocks, shared)
    return ours


@torch.no_grad()
def copy_text(ours, theirs, shared=False):
    put_all(ours.token_embedding, theirs.token_embedding, shared)
    put(ours.pos_embed, theirs.positional_embedding[None], shared)
    put(ours.out_proj.weight, theirs.text_projection.T, shared)
    put(ours.logit_scale, theirs.logit_scale, shared)
    put_all(ours.ln_final, theirs.ln_final, shared)
    put_blocks(ours.layers, theirs.transformer.resblocks, shared)
    return ours
