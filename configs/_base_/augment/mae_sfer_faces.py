# MAE-SFER's augmentation of faces: flips, half of the time colour, shifts of 10 % and scales up to 1.25; erasing of 2 %
# to 25 %. How often it erases is not told; half of the time is ours, and torchvision's own.
# A set's pipeline is what reads its images, and this: [dict(type='...LoadImageFromFile'), *_base_.mae_sfer_faces]
mae_sfer_faces = [
    dict(type='mmpretrain.Resize', scale=(224, 224), backend='pillow', interpolation='bicubic'),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandomApply',
        prob=0.5,
        transforms=[
            dict(type='mmpretrain.ColorJitter', brightness=0.25, contrast=0.25, saturation=0.25, backend='cv2'),
            dict(type='mmpretrain.NumpyToPIL'),
            dict(type='mmpretrain.torchvision/RandomAffine', degrees=0, translate=(0.1, 0.1), scale=(1.0, 1.25)),
            dict(type='mmpretrain.PILToNumpy')
        ]),
    dict(
        type='mmpretrain.RandomErasing',
        erase_prob=0.5,
        mode='const',
        min_area_ratio=0.02,
        max_area_ratio=0.25,
        fill_color=[103.53, 116.28, 123.675]),
    dict(type='mmpretrain.PackInputs')
]
