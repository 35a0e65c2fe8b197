default_scope = 'mmaction'
custom_imports = dict(imports=['mmdfer'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AdapterCheckpointHook', interval=1, save_best='uar', max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    class_counts=dict(type='ClassCountsHook'),
    views=dict(type='DistinctViewsHook'))
custom_hooks = [dict(type='EpochSeedHook'), dict(type='BadClipsHook')]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)
randomness = dict(seed=42, deterministic=False)
log_level = 'INFO'
load_from = None
resume = False
