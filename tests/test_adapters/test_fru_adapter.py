"""FRU-Adapter against its equations, written out token by token."""
import torch
from torch import nn

from mmdfer.adapters import FRUAdapter

from .kinds import GRID, shaken, tokens


def test_follows_its_equations_frame_by_frame_and_token_by_token():
    adapter = shaken(FRUAdapter(8, width=6, frames=3)).double()
    x = tokens(2).double()                                                  # (2·3, 9, 8)
    z = nn.functional.layer_norm(x @ adapter.down.weight.T + adapter.down.bias, (6, ), adapter.norm.weight,
                                 adapter.norm.bias)
    query, key, value = adapter.attn.qkv.weight.chunk(3)
    query_bias, key_bias, value_bias = adapter.attn.qkv.bias.chunk(3)
    expected = torch.zeros_like(x)
    for clip in (slice(0, 3), slice(3, 6)):
        means = torch.stack([frame.mean() for frame in z[clip]])
        weights = (adapter.weigh.weight @ means + adapter.weigh.bias).exp()
        weighed = torch.stack([w * frame for w, frame in zip(weights / weights.sum(), z[clip])])
        for token in range(9):
            u = weighed[:, token]                                           # (T, r)
            h = nn.functional.layer_norm(u, (6, ), adapter.temporal_norm.weight, adapter.temporal_norm.bias)
            scores = (h @ query.T + query_bias) @ (h @ key.T + key_bias).T / 6**0.5
            mixed = scores.softmax(dim=1) @ (h @ value.T + value_bias)
            mixed = mixed @ adapter.attn.proj.weight.T + adapter.attn.proj.bias
            expected[clip, token] = (u + mixed) @ adapter.up.weight.T + adapter.up.bias
    torch.testing.assert_close(adapter(x, GRID), expected, rtol=1e-10, atol=1e-10)
    assert expected.std() > 0.1
