"""Installs ``mmdfer`` from ``projects/``, with its configs; exact, verified versions are in requirements.txt."""
import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'projects/mmdfer/version.py').read_text()).group(1)
SHIPPED = ('configs', 'tools')
"""Folders of the checkout that lie in the installed package's ``.mim``, where OpenMMLab's tools look for them."""

# decord has wheels for these machines alone, and MMAction2 names it as a requirement. Elsewhere MMAction2 is installed
# without what it names (pip install --no-deps mmaction2==1.2.0); the rest of that is named here.
DECORD = 'platform_machine == "x86_64" or platform_machine == "AMD64"'
# MediaPipe 0.10.21 is the last that carries its models.
MEDIAPIPE = 'python_version < "3.13" and (sys_platform != "linux" or platform_machine == "x86_64")'
REQUIRES = [
    'torch>=2.11', 'torchvision', 'mmengine>=0.10.7,<1', 'mmcv-lite==2.1.0', 'mmpretrain==1.2.0',
    f'mmaction2==1.2.0; {DECORD}', 'av>=14,<19',
    'opencv-python>=4.9,<5', 'opencv-contrib-python>=4.9,<5',       # one module, two names: MMEngine's and MMAction2's
    'numpy>=1.26', 'scipy', 'scikit-learn', 'pillow', 'simplejpeg', 'einops', 'importlib-metadata', 'safetensors',
    'matplotlib', 'jinja2', 'pyyaml', 'tensorboard', 'tqdm',
]
EXTRAS = {
    'face': [f'mediapipe==0.10.21; {MEDIAPIPE}'],
    'infer': [f'mediapipe==0.10.21; {MEDIAPIPE}', 'h5py', 'pandas>=2.2'],
    'captions': ['transformers>=4.49', 'nltk', 'open_clip_torch>=2.24'],
    'text': ['open_clip_torch>=2.24'],
    'fast': ['numba', 'simplejpeg'],
    'app': [f'mediapipe==0.10.21; {MEDIAPIPE}', 'h5py', 'werkzeug>=3'],
    'explain': ['umap-learn>=0.5'],
    'export': ['onnx>=1.17', 'onnxruntime>=1.20'],
    'neighbours': ['timm>=1.0'],                # RandAugment
    'test': ['pytest', 'pytest-timeout', 'pytest-xdist', 'statsmodels', 'timm>=1.0', 'ruff', 'mypy',
             'triton>=3.6; sys_platform == "linux" and platform_machine == "x86_64"'],
}


class BuildWithConfigs(build_py):
    """Copies configs and tools into the package as it is built; an editable install gets links to them."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib) / 'mmdfer', ignore_errors=True)     # else what was removed since stays
        super().run()
        target = HERE / 'projects/mmdfer/.mim' if self.editable_mode else Path(self.build_lib) / 'mmdfer/.mim'
        target.mkdir(parents=True, exist_ok=True)
        for name in SHIPPED:
            place(HERE / name, target / name, link=self.editable_mode)
        metafiles = sorted(path.relative_to(HERE).as_posix() for path in (HERE / 'configs').rglob('metafile.yml'))
        lines = ['Import:' if metafiles else 'Import: []', *(f'  - {path}' for path in metafiles)]
        (target / 'model-index.yml').write_text('\n'.join(lines) + '\n')


def place(source: Path, target: Path, link: bool) -> None:
    """Link or copy a folder; what was there before goes."""
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    if link and os.name == 'posix':             # Windows lets only some users make links
        target.symlink_to(os.path.relpath(source.resolve(), target.parent.resolve()), target_is_directory=True)
        return
    shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc', 'demo.sh', 'test.sh',
                                                                  'env.sh'))


class SourceWithConfigs(sdist):
    """Puts what a wheel is built from into the source archive too."""

    def add_defaults(self) -> None:
        super().add_defaults()
        for name in (*SHIPPED, 'requirements.txt'):
            path = HERE / name
            files = [path] if path.is_file() else path.rglob('*')
            self.filelist.extend(str(file.relative_to(HERE)) for file in files
                                 if file.is_file() and '__pycache__' not in file.parts)


setup(
    name='mmdfer',
    version=VERSION,
    description='Dynamic facial expression recognition with adapters, on MMAction2',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8') if (HERE / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    classifiers=[f'Programming Language :: Python :: 3.{minor}' for minor in (11, 12, 13)],
    python_requires='>=3.11',
    package_dir={'': 'projects'},
    packages=find_packages('projects', include=['mmdfer', 'mmdfer.*']),
    package_data={
        '': ['*.yaml', 'py.typed'], 'mmdfer.visualization.report': ['templates/*'], 'mmdfer.video': ['templates/*'],
        'mmdfer.apis.local_page': ['templates/*'],
    },
    entry_points={'console_scripts': ['mmdfer = mmdfer.apis.cli:main']},
    install_requires=REQUIRES,
    extras_require=dict(EXTRAS, all=sorted({name for names in EXTRAS.values() for name in names})),
    cmdclass={'build_py': BuildWithConfigs, 'sdist': SourceWithConfigs},
)
