# Full fine-tuning: as adamw_5e-4_100e.py, with a fifth of its rate, since every weight moves.
_base_ = ['adamw_5e-4_100e.py']

optim_wrapper = dict(optimizer=dict(lr=1e-4))
