"""A Video-LLaVA of a few thousand random weights, saved as transformers saves a real one."""
from pathlib import Path

import torch

EDGE, PATCH = 28, 14
SPECIAL = ('<unk>', '<pad>', '<s>', '</s>', '<image>', '<video>')
SENTENCES = ('USER: the brows rise and the eyes open wide, then the lips part . ASSISTANT:',
             'the corners of the mouth move up while the cheeks lift', 'the jaw drops and the gaze goes down')


def save_tiny_llava(folder: Path, seed: int = 0):
    """Save model and processor; returns the model."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        PreTrainedTokenizerFast,
        VideoLlavaConfig,
        VideoLlavaForConditionalGeneration,
        VideoLlavaImageProcessor,
        VideoLlavaProcessor,
    )
    words = Tokenizer(models.WordLevel(unk_token='<unk>'))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.train_from_iterator(SENTENCES, trainers.WordLevelTrainer(special_tokens=list(SPECIAL)))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token='<unk>', pad_token='<pad>', bos_token='<s>',
                                        eos_token='</s>', additional_special_tokens=['<image>', '<video>'])
    image_token, video_token = tokenizer.convert_tokens_to_ids(['<image>', '<video>'])
    torch.manual_seed(seed)
    config = VideoLlavaConfig(
        CLIPVisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
                         image_size=EDGE, patch_size=PATCH),
        LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                    num_attention_heads=2, bos_token_id=2, eos_token_id=3, pad_token_id=1, initializer_range=0.5),
        image_token_index=image_token, video_token_index=video_token)
    model = VideoLlavaForConditionalGeneration(config).eval()
    with torch.no_grad():           # never says a special token, but for the end
        model.language_model.lm_head.weight[[index for index, name in enumerate(SPECIAL) if name != '</s>']] = 0
    model.save_pretrained(folder)
    images = VideoLlavaImageProcessor(size=dict(shortest_edge=EDGE), crop_size=dict(height=EDGE, width=EDGE))
    VideoLlavaProcessor(images, tokenizer, patch_size=PATCH).save_pretrained(folder)
    return model
