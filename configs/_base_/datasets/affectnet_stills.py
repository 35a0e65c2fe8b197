# AffectNet without contempt as clips of one frame, beside a set of clips: the classes evenly drawn, twice as many
# images a batch as S4D has clips. Pieces: a config adds to `image_steps` what becomes of the frames.
image_steps = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='CropFaceBox', margin=0.1),
    dict(type='ImageToClip')
]
image_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='BalancedSampler'),
    dataset=dict(type='AffectNet7Dataset', data_root='data/AffectNet', split='train'))
