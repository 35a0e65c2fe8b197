_base_ = ['base_dfew.py']

model = dict(
    cls_head=dict(negative_texts=dict(templates=['A person with an expression of less {}.'])))
