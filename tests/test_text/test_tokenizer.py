"""Tokens against open_clip's own function and transformers', and texts that are too long."""
import pytest
import torch

from mmdfer.text import tokenize, tokenizer
from mmdfer.text.tokenizer import end_positions

from ..fresh import fresh_python

TEXTS = ['Happiness', 'a person with widened eyes, raised eyebrows; mouth open!', "it's  an &amp; été", '']
LONG = 'raised eyebrows and ' * 40


@pytest.mark.parametrize('context', [77, 248])
def test_tokens_are_open_clips(context):
    from open_clip import tokenize as theirs
    tokens = tokenize(TEXTS, context)
    assert tokens.dtype == torch.int64 and torch.equal(tokens, theirs(TEXTS, context))
    assert torch.equal(tokenize(LONG, context, truncate=True), theirs(LONG, context))
    assert [row[end].item() for row, end in zip(tokens, end_positions(tokens), strict=True)] == [49407] * len(TEXTS)


def test_a_text_too_long_is_refused_by_name_and_length_or_cut_and_said_so(monkeypatch):
    with pytest.raises(ValueError, match=r'raised eyebrows and .* has 122 tokens .* over the context of 77: shorten'):
        tokenize(['sad', LONG])
    assert tokenize(LONG, 248).count_nonzero() == 122
    told = []
    monkeypatch.setattr(tokenizer, 'print_log', lambda text, **_: told.append(text))
    cut = tokenize(LONG, truncate=True)
    assert cut[0, -1] == 49407 and cut.count_nonzero() == 77
    assert 'has 122 tokens with its start and end and was cut to 77' in told[0]


def test_no_text_is_refused():
    with pytest.raises(ValueError, match='no text given'):
        tokenize([])


def test_a_start_with_texts_imports_no_more_than_the_tokenizer():
    done = fresh_python('''
        import sys
        from mmdfer.text import tokenize
        print(tokenize('a smile').shape, [name for name in ('open_clip', 'sklearn', 'transformers.modeling_utils')
                                          if name in sys.modules])
    ''')
    assert done.stdout.splitlines()[-1] == 'torch.Size([1, 77]) []', done.stderr
