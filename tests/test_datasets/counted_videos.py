"""Videos whose frames show their own number: twelve bright or dark blocks in a row, and a mark at the top left."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BITS, BLOCK, SIDE = 12, 8, 32
WIDTH, HEIGHT = BITS * BLOCK, 64
RATE = 25


def ffmpeg() -> str | None:
    """FFmpeg's path, or ``None`` where it is not installed."""
    return shutil.which('ffmpeg')


def has_encoder(name: str) -> bool:
    """Whether this FFmpeg encodes with a codec."""
    told = subprocess.run([ffmpeg(), '-hide_banner', '-encoders'], capture_output=True, text=True, check=True).stdout
    return any(name == line.split()[1] for line in told.splitlines() if len(line.split()) > 1)


def picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """An RGB frame (H, W, 3): the number's bits in the lower half, a bright corner at the top left."""
    frame = np.full((height, width, 3), 60, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            frame[SIDE : SIDE + 2 * BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 220
    frame[: SIDE // 2, :SIDE] = 220
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a frame shows, whatever its size."""
    scale_y, scale_x = frame.shape[0] / HEIGHT, frame.shape[1] / WIDTH
    row = int((SIDE + BLOCK) * scale_y)
    return sum(int(frame[row, int((bit + 0.5) * BLOCK * scale_x)].mean() > 140) << bit for bit in range(BITS))


def is_upright(frame: np.ndarray) -> bool:
    """Whether the bright corner is at the top left, and nowhere else."""
    height, width = frame.shape[:2]
    corners = [frame[y, x].mean() > 140 for y in (height // 16, -height // 16) for x in (width // 10, -width // 10)]
    return corners == [True, False, False, False]


@dataclass(frozen=True)
class Kind:
    """How a video is made: FFmpeg's arguments, the suffix, and what to look for."""

    name: str
    suffix: str
    args: str
    encoder: str
    frames: int = 60


H264, HEVC = '-c:v libx264 -pix_fmt yuv420p', '-c:v libx265 -pix_fmt yuv420p -x265-params log-level=none:pools=1'
KINDS = (
    *(
        Kind(f'h264 in {suffix}', suffix, f'{H264} -g 15', 'libx264')
        for suffix in ('.mp4', '.mov', '.mkv', '.ts', '.avi', '.flv', '.m4v', '.3gp')
    ),
    Kind('h264 without B-frames', '.mp4', f'{H264} -g 15 -bf 0', 'libx264'),
    Kind('h264, one keyframe', '.mp4', f'{H264} -g 600', 'libx264'),
    Kind('h264, all keyframes', '.mp4', f'{H264} -g 1', 'libx264'),
    Kind('h264, open groups', '.mp4', f'{H264} -g 12 -x264-params open-gop=1:bframes=3:b-pyramid=normal', 'libx264'),
    Kind('h264, open groups, ts', '.ts', f'{H264} -g 12 -x264-params open-gop=1:bframes=3', 'libx264'),
    Kind('h264, B-frames referenced', '.mkv', f'{H264} -g 30 -bf 6 -x264-params b-pyramid=normal:b-adapt=0', 'libx264'),
    Kind('h264, fragments', '.mp4', f'{H264} -g 15 -movflags frag_keyframe+empty_moov', 'libx264'),
    Kind('h264, 4:4:4', '.mp4', '-c:v libx264 -pix_fmt yuv444p -g 15', 'libx264'),
    Kind('h264, 10 bit', '.mkv', '-c:v libx264 -pix_fmt yuv420p10le -g 15', 'libx264'),
    Kind('h264, grey', '.mp4', '-c:v libx264 -pix_fmt gray -g 15', 'libx264'),
    Kind('hevc in mp4', '.mp4', f'{HEVC} -g 15', 'libx265'),
    Kind('hevc in mkv', '.mkv', f'{HEVC} -g 15', 'libx265'),
    Kind(
        'hevc, open groups',
        '.mp4',
        '-c:v libx265 -pix_fmt yuv420p -x265-params log-level=none:pools=1:open-gop=1:keyint=12:'
        'min-keyint=12:bframes=3',
        'libx265',
    ),
    Kind(
        'hevc, 10 bit',
        '.mov',
        '-c:v libx265 -pix_fmt yuv420p10le -tag:v hvc1 -x265-params log-level=none:pools=1:keyint=15',
        'libx265',
    ),
    Kind('mpeg4 in mp4', '.mp4', '-c:v mpeg4 -q:v 3 -g 15', 'mpeg4'),
    Kind('mpeg4 with B-frames in mp4', '.mp4', '-c:v mpeg4 -q:v 3 -g 15 -bf 2', 'mpeg4'),
    Kind('mpeg4 with B-frames in avi', '.avi', '-c:v mpeg4 -q:v 3 -g 15 -bf 2', 'mpeg4'),
    Kind('xvid in avi', '.avi', '-c:v mpeg4 -vtag xvid -q:v 3 -g 15', 'mpeg4'),
    Kind('mpeg2 in mpg', '.mpg', '-c:v mpeg2video -q:v 3 -g 15 -bf 2', 'mpeg2video'),
    Kind('mpeg2 in ts', '.ts', '-c:v mpeg2video -q:v 3 -g 15 -bf 2', 'mpeg2video'),
    Kind('mpeg1 in mpg', '.mpg', '-c:v mpeg1video -q:v 3 -g 15', 'mpeg1video'),
    Kind('mjpeg in avi', '.avi', '-c:v mjpeg -q:v 3 -pix_fmt yuvj420p', 'mjpeg'),
    Kind('mjpeg in mov', '.mov', '-c:v mjpeg -q:v 3 -pix_fmt yuvj420p', 'mjpeg'),
    Kind('vp8 in webm', '.webm', '-c:v libvpx -b:v 1M -g 15 -auto-alt-ref 1 -lag-in-frames 10', 'libvpx'),
    Kind(
        'vp9 in webm',
        '.webm',
        '-c:v libvpx-vp9 -b:v 1M -g 15 -auto-alt-ref 1 -lag-in-frames 10 -cpu-used 8',
        'libvpx-vp9',
    ),
    Kind('av1 in mp4', '.mp4', '-c:v libaom-av1 -crf 20 -b:v 0 -cpu-used 8 -g 15', 'libaom-av1', 30),
    Kind('wmv', '.wmv', '-c:v wmv2 -q:v 3 -g 15', 'wmv2'),
    Kind('prores', '.mov', '-c:v prores_ks', 'prores_ks'),
    Kind('ffv1', '.mkv', '-c:v ffv1', 'ffv1'),
    Kind('lossless rgb in avi', '.avi', '-c:v rawvideo -pix_fmt bgr24', 'rawvideo'),
    Kind('gif', '.gif', '', 'gif'),
    Kind('theora', '.ogv', '-c:v libtheora -q:v 7 -g 15', 'libtheora'),
)


def write_video(path: Path, args: str, frames: int = 60, rate: str = str(RATE), inputs: str = '') -> Path:
    """Encode ``frames`` counted pictures with FFmpeg; the encoder runs in one thread."""
    data = b''.join(picture(number).tobytes() for number in range(frames))
    command = [
        ffmpeg(),
        '-v',
        'error',
        '-y',
        '-f',
        'rawvideo',
        '-pix_fmt',
        'rgb24',
        '-s',
        f'{WIDTH}x{HEIGHT}',
        '-r',
        rate,
        '-i',
        '-',
        *inputs.split(),
        *args.split(),
        '-threads',
        '1',
        str(path),
    ]
    done = subprocess.run(command, input=data, capture_output=True)
    if done.returncode:
        raise RuntimeError(f'{" ".join(command)}: {done.stderr.decode(errors="replace")[-400:]}')
    return path
