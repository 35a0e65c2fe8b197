"""S2DViT: an image transformer over frames with S2D's stages before its blocks."""
from __future__ import annotations

from collections.abc import Sequence

from mmengine.logging import print_log
from torch import Tensor

from ...adapters import TokenGrid, add_to_patches
from ...registry import MODELS
from ...weights import CheckpointError, find_state_dict, read_checkpoint
from ...weights.neighbours.s2d import stage_tensors
from ..adapter_configs import AdapterConfigs
from ..adapter_vit import AdapterViT
from .landmarks import OPTION
from .stages import Stages


@MODELS.register_module()
class S2DViT(AdapterViT):
    """:class:`AdapterViT` with S2D's stages (Chen et al., From Static to Dynamic, TAFFC): (B, 3, T, H, W) -> (B, T, D).

    Stage 0 comes before class token and positions, stage i before block i (from 0). Stages see patches alone; what
    they add comes of attention over time and of landmarks, which a frozen net finds in the same frames
    (:class:`Stages`, :class:`Stage`). Stages, temporal embedding and last norm train. The landmark net is neither among
    the parameters nor in checkpoints; its file is to be named wherever the model is built.

    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` reads any image ViT, and of an image model of S2D's the stages
    too, which have no attention over time there.

    Args:
        landmarks: ``checkpoint``, the file of the landmark net (:class:`LandmarkFeatures`); ``None`` leaves landmarks
            out, and stages attend over time alone.
        stage_width: channels between within the stages' guidance.
        temporal: arguments of :class:`mmdfer.adapters.S2DTemporalAdapter`, such as ``reduction`` and ``num_heads``.
        zero_init: start with stages that add nothing, so that the model is the frozen one; ``False`` for the release's
            start.
        temporal_embedding: frames T; see :class:`AdapterViT`.
        kwargs: of :class:`AdapterViT`. Further adapters may stand in its blocks.
    """

    def __init__(self, arch: str | dict = 'base', landmarks: dict | None = None, stage_width: int = 8,
                 temporal: dict | None = None, zero_init: bool = True, temporal_embedding: int = 16,
                 tune_final_norm: bool = True, **kwargs) -> None:
        # Before the modules are there: the parent freezes and counts once, when all of them are.
        self._stage_settings: dict = dict(landmarks=landmarks, width=stage_width, temporal=temporal,
                                          zero_init=zero_init)
        super().__init__(arch, temporal_embedding=temporal_embedding, tune_final_norm=tune_final_norm, **kwargs)

    def adopt_adapters(self, adapters: AdapterConfigs, *args, **kwargs) -> None:
        """As in every tower, with the stages there."""
        self.s2d_stages = Stages(self.embed_dims, self.num_layers, **self._stage_settings)
        super().adopt_adapters(adapters, *args, **kwargs)

    def encode(self, images: Tensor, frames: int, prompts: Tensor | None = None,
               deep_prompts: Sequence[Tensor] | None = None) -> Tensor:
        """Images (B·T, 3, H, W) as tokens (B·T, L, D) after the last block."""
        patches, resolution = self.patch_embed(images)
        height, width = resolution
        bare = TokenGrid(frames, height, width, leading=0)
        added, stream = self.s2d_stages(0, patches, self.s2d_stages.start(images, resolution), bare)
        tokens, grid = self.place(patches + added, resolution, frames, prompts)

        def stage(index: int, tokens: Tensor) -> Tensor:
            nonlocal stream
            if index == 0:                                      # is behind us
                return tokens
            added, stream = self.s2d_stages(index, tokens[:, grid.span], stream, bare)
            return add_to_patches(tokens, added, grid)

        return self.run_prompted(tokens, grid, deep_prompts, stage)

    def init_weights(self) -> None:
        """Initialise; of a ``Pretrained`` file of S2D's come the stages too."""
        super().init_weights()
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') == 'Pretrained':
            self._load_stages(pretrained['checkpoint'])

    def _load_stages(self, path: str) -> None:
        state = stage_tensors(find_state_dict(read_checkpoint(path), path))
        if not state:
            return
        own = {name: tensor for name, tensor in self.s2d_stages.state_dict().items() if name != 'landmarks.digest'}
        wanted = [name for name in own if '.temporal.' not in name]
        if self.s2d_stages.landmarks is None:
            state = {name: tensor for name, tensor in state.items() if name in own}
        wrong = [name for name in wanted if name not in state] + [
            name for name, tensor in state.items() if name not in own or tensor.shape != own[name].shape]
        if wrong:
            raise CheckpointError(f"{path}: its stages are not those of this model (such as {wrong[0]}); choose arch "
                                  "and stage_width of the file's sizes")
        self.s2d_stages.load_state_dict(state, strict=False)
        print_log(f'{path}: {len(state)} tensors of S2D stages loaded; landmarks come from {OPTION}', logger='current')
