_base_ = ['base_dfew.py']
