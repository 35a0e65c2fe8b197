"""Captions by Video-LLaVA, through transformers' own class."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch

NUM_FRAMES = 8
"""Frames of a clip that the model sees, as it was trained."""

PROMPT_VERSION = 1
"""To be raised with every change of the prompt's words."""

INSTRUCTION = (
    'You are an analyst of facial expressions. The frames show one face over time. Say in two or three short sentences '
    'how the features of the face move from the first frame to the last: forehead, brows, eyes and eyelids, nose, '
    'cheeks, lips, mouth, chin and jaw. Add what these movements imply, such as breathing, speaking, blinking, or '
    'where the gaze goes. Describe only what can be seen to move; do not name any emotion, and do not describe clothes '
    'or the background.')
"""After FineCLIPER (ACM MM 2024), section on captions: a facial-expression analyst who is to be concise."""

PROMPT = f'USER: <video>\n{INSTRUCTION} ASSISTANT:'


class VideoLlava:
    """A ``VideoLlavaForConditionalGeneration`` with its processor.

    Args:
        model: a local folder as transformers saves it, or a name on the hub, such as
            ``LanguageBind/Video-LLaVA-7B-hf``.
        device: where it runs; on CUDA in float16, else in float32.
        max_new_tokens: the most tokens of a caption.

    Raises:
        ValueError: for a folder or name that holds no video-language model of this kind, or not all of it.
        ImportError: without transformers.
    """

    def __init__(self, model: str, device: str = 'cpu', max_new_tokens: int = 120) -> None:
        try:
            from transformers import VideoLlavaForConditionalGeneration, VideoLlavaProcessor
        except ImportError:
            raise ImportError('Video-LLaVA is run by transformers, which is not there: pip install '
                              '"mmdfer[captions]"') from None
        _check_kind(model)
        self.dtype = torch.float16 if torch.device(device).type == 'cuda' else torch.float32
        self.device, self.max_new_tokens = device, max_new_tokens
        self.name = os.path.basename(os.path.normpath(model))
        try:
            self.processor = VideoLlavaProcessor.from_pretrained(model)
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f'{model}: its processor cannot be read ({_first_line(error)}); the folder needs the '
                             'tokenizer files, preprocessor_config.json and processor_config.json beside the '
                             'weights') from None
        try:
            self.model, info = VideoLlavaForConditionalGeneration.from_pretrained(
                model, torch_dtype=self.dtype, output_loading_info=True)
        except OSError as error:
            raise ValueError(f'{model}: its weights cannot be read ({_first_line(error)}); fetch the whole model '
                             'again') from None
        if info['missing_keys']:
            raise ValueError(f'{model}: its weights lack {len(info["missing_keys"])} parts, such as '
                             f'{info["missing_keys"][0]}; fetch the whole model again')
        self.model.to(device).eval()
        tokenizer = self.processor.tokenizer
        tokenizer.padding_side = 'left'         # the answer follows the prompt at once
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    @torch.inference_mode()
    def caption(self, clips: Sequence[Sequence[np.ndarray]]) -> list[str]:
        """What the model says of each clip; the most likely words, so the same clip gives the same text.

        Args:
            clips: N clips of 8 RGB frames (H, W, 3).
        """
        inputs = self.processor(text=[PROMPT] * len(clips), videos=[np.stack(clip) for clip in clips], padding=True,
                                return_tensors='pt')
        # Some tokenizers also give token types, which the model does not know.
        inputs = {name: inputs[name].to(self.device) for name in ('input_ids', 'attention_mask', 'pixel_values_videos')}
        inputs['pixel_values_videos'] = inputs['pixel_values_videos'].to(self.dtype)     # (N, 8, 3, H, W)
        tokens = self.model.generate(**inputs, do_sample=False, max_new_tokens=self.max_new_tokens,
                                     pad_token_id=self.processor.tokenizer.pad_token_id)
        answers = tokens[:, inputs['input_ids'].shape[1]:]
        return [text.strip() for text in self.processor.batch_decode(answers, skip_special_tokens=True)]


def _check_kind(model: str) -> None:
    from transformers import PretrainedConfig
    is_path = os.path.isabs(model) or model.startswith('.') or model.count('/') > 1 or os.path.exists(model)
    if is_path and not os.path.isfile(os.path.join(model, 'config.json')):
        raise ValueError(f'{model}: holds no config.json; give the folder of a Video-LLaVA as transformers saves it')
    try:
        found, _ = PretrainedConfig.get_config_dict(model)
    except OSError as error:
        raise ValueError(f'{model}: is no folder, and cannot be fetched from the hub ({_first_line(error)}); fetch it '
                         'where there is a network, by huggingface-cli download, and give the folder') from None
    if found.get('model_type') != 'video_llava':
        raise ValueError(f'{model}: is a model of type {found.get("model_type")!r}, not a video-language model of type '
                         "'video_llava'; give one such as LanguageBind/Video-LLaVA-7B-hf")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:150]
