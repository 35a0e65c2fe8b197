"""Installs ``mmdfer`` from ``projects/``; exact, verified versions are in requirements.txt."""
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'projects/mmdfer/version.py').read_text()).group(1)

EXTRAS = {
    'face': ['mediapipe==0.10.21'],
    'captions': ['transformers>=4.49', 'nltk', 'open_clip_torch>=2.24'],
    'text': ['open_clip_torch>=2.24'],
    'fast': ['simplejpeg'],
    'test': ['pytest', 'pytest-xdist', 'timm'],
}

setup(
    name='mmdfer',
    version=VERSION,
    description='Dynamic facial expression recognition with adapters, on MMAction2',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8') if (HERE / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    package_dir={'': 'projects'},
    packages=find_packages('projects'),
    package_data={'': ['*.yaml'], 'mmdfer.visualization.report': ['templates/*']},
    install_requires=[
        'torch>=2.11', 'torchvision', 'mmengine>=0.10.7', 'mmaction2==1.2.0', 'mmpretrain==1.2.0', 'av>=14', 'decord>=0.6.0',
        'numpy', 'safetensors', 'scikit-learn', 'tensorboard', 'matplotlib', 'jinja2',
        'pyyaml',
    ],
    extras_require=dict(EXTRAS, all=sorted({name for names in EXTRAS.values() for name in names})),
)
