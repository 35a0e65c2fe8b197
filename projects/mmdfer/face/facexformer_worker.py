"""FaceXFormer in its own environment: a program that runs by itself and knows nothing of mmdfer but this protocol.

    PYTHON facexformer_worker.py CHECKOUT WEIGHTS DEVICE BATCH TRUST

A message is 8 bytes of length, the highest first, and as many of an ``.npz`` file. The program says ``protocol`` (1)
when the model stands. To each message with ``crops``, uint8 (N, 224, 224, 3), RGB, it answers ``landmarks``, float32
(N, 136), x before y in [-1, 1] over the crop, and ``parsing``, uint8 (N, 224, 224), classes 0 to 10. What goes wrong
comes as ``error``, a text, and ends it; so does the end of its input. What the checkout prints goes to the standard
error.
"""
from __future__ import annotations

import io
import os
import struct
import sys

PROTOCOL = 1
PARSING, LANDMARKS = 0, 1
"""Numbers of the release's tasks."""
LABELS = {'segmentation': (224, 224), 'lnm_seg': (5, 2), 'landmark': (68, 2), 'headpose': (3, ), 'attribute': (40, ),
          'a_g_e': (3, ), 'visibility': (29, )}
"""What the release's model wants beside the images, and does not look at."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def write_message(stream, arrays: dict) -> None:
    """Send arrays by name."""
    import numpy as np
    content = io.BytesIO()
    np.savez(content, **arrays)
    stream.write(struct.pack('>Q', content.tell()) + content.getvalue())
    stream.flush()


def read_message(stream) -> dict | None:
    """The arrays of the next message; ``None`` where the stream ends before one is whole."""
    import numpy as np
    head = stream.read(8)
    if len(head) < 8:
        return None
    length, = struct.unpack('>Q', head)
    content = stream.read(length)
    if len(content) < length:
        return None
    with np.load(io.BytesIO(content)) as file:
        return {name: file[name] for name in file.files}


def load(checkout: str, weights: str, device: str, trust: bool):
    """The checkout's model with its weights."""
    import torch
    _without_downloads()
    sys.path.insert(0, checkout)
    from network import FaceXFormer
    options = {} if trust else {'weights_only': True}
    state = torch.load(weights, map_location='cpu', **options)
    model = FaceXFormer()
    model.load_state_dict(state['state_dict_backbone'])
    return model.to(device).eval()


def _without_downloads() -> None:
    """Let the release's Swin go without torchvision's weights, which the checkpoint's take the place of."""
    try:
        import torchvision.models as models
    except Exception:                               # the checkout's own import will say what is wrong with it
        return
    build = models.swin_b
    models.swin_b = lambda *args, weights=None, **kwargs: build(*args, weights=None, **kwargs)


def analyse(model, crops, device: str, batch: int) -> dict:
    """Landmarks and parsing of crops (N, 224, 224, 3); each batch goes through twice over, once for each task."""
    import numpy as np
    import torch
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))
    landmarks, parsing = [], []
    for start in range(0, len(crops), batch):
        part = torch.from_numpy(crops[start:start + batch]).to(device).permute(0, 3, 1, 2).float() / 255
        images = ((part - mean) / std).repeat(2, 1, 1, 1)
        tasks = torch.tensor([PARSING, LANDMARKS], device=device).repeat_interleave(len(part))
        labels = {name: torch.zeros((len(images), *shape), device=device) for name, shape in LABELS.items()}
        with torch.no_grad():
            outputs = model(images, labels, tasks)
        landmarks.append(outputs[0].reshape(len(part), -1).float().cpu().numpy())
        parsing.append(outputs[-1].argmax(dim=1).to(torch.uint8).cpu().numpy())
    return dict(landmarks=np.concatenate(landmarks), parsing=np.concatenate(parsing))


def main(words: list) -> None:
    """Speak the protocol on the standard streams."""
    replies, requests = os.fdopen(os.dup(1), 'wb'), sys.stdin.buffer
    os.dup2(2, 1)
    checkout, weights, device, batch, trust = words
    try:
        model = load(checkout, weights, device, trust == '1')
        write_message(replies, {'protocol': PROTOCOL})
        while (message := read_message(requests)) is not None:
            write_message(replies, analyse(model, message['crops'], device, int(batch)))
    except Exception as error:
        write_message(replies, {'error': f'{type(error).__name__}: {error}'})


if __name__ == '__main__':
    main(sys.argv[1:])
