"""The face as polygons: identity and action units in, outlines and skin folds out.

Everything is drawn on the plane of a face seen from the front (face units, see :mod:`~mmdfer.synthetic.identity`); the
renderer turns the points in space afterwards. An action unit's intensity is (T, 2, 1): frames, the picture's left and
right side, and an axis for the points of a curve.
"""
from __future__ import annotations

import numpy as np

from .action_units import AU_INDEX
from .hair import hair_outlines
from .identity import Identity
from .outlines import FaceParts, band, closed, ellipse, smooth, stack

Units = dict[int, np.ndarray]

SIDES = np.array([[[-1.0], [1.0]]])     # (1, 2, 1)
_U = np.linspace(-1, 1, 13)
_LID = (1 - _U**2)**0.7
_LIP = (1 - _U**2)**0.75
_ANGLE = np.linspace(0, 2 * np.pi, 16, endpoint=False)


def build_face(who: Identity, units: np.ndarray, gaze: np.ndarray) -> FaceParts:
    """Outline a face over a clip.

    Args:
        who: the subject.
        units: (T, 2, len(ACTION_UNITS)) intensities on the picture's left and right side.
        gaze: (T, 2) horizontal and vertical direction of the eyes in [-1, 1].
    """
    au = {unit: units[:, :, index, None] for unit, index in AU_INDEX.items()}
    parts = FaceParts(len(units))
    _head(parts, who, au)
    _cheeks(parts, who, au)
    _nose(parts, who, au)
    _mouth(parts, who, au)
    _eyes(parts, who, au, gaze)
    _brows(parts, who, au)
    return parts


def _both(intensity: np.ndarray) -> np.ndarray:
    """Mean of the two sides: (T, 2, 1) -> (T, 1)."""
    return intensity.mean(1)


def _head_outline(who: Identity, jaw: np.ndarray) -> np.ndarray:
    """(T, 16, 2) control points of the head, clockwise from the crown; ``jaw`` is AU26, (T, 1)."""
    low = who.jaw_width
    half = np.array([(0.0, -1.04), (0.45, -0.97), (0.86, -0.66), (1.0, -0.22), (0.99, 0.12),
                     (0.46 + 0.46 * low, 0.45), (0.76 * low, 0.74), (0.42 * low, 0.94),
                     (0.0, 1.0)])
    whole = np.concatenate([half, half[-2:0:-1] * (-1, 1)])
    x, y = whole[:, 0] * who.face_width, whole[:, 1]
    below = np.maximum(y - 0.3, 0)
    return stack(x, y + below * (who.chin - 1) + 0.17 * jaw * np.minimum(below / 0.6, 1))


def _head(parts: FaceParts, who: Identity, au: Units) -> None:
    jaw = _both(au[26])
    outline = _head_outline(who, jaw)
    parts.add('face', smooth(outline))
    parts.add('ear', ellipse(SIDES * (who.face_width + 0.01), -0.02, 0.09, 0.17))
    parts.add('concha', ellipse(SIDES * (who.face_width + 0.035), -0.02, 0.035, 0.1))
    for name, polygon in hair_outlines(who, outline[0]):
        parts.add(name, polygon)
    rim = outline[:, 4:13]      # the jaw, from the right to the left ear
    if who.beard == 'full':
        inner = np.array([(-0.6, 0.3), (-0.45, 0.46), (0, 0.42), (0.45, 0.46), (0.6, 0.3)])
        inner = np.broadcast_to(inner * (who.face_width / 0.75, 1), (parts.n_frames, 5, 2))
        parts.add('beard', smooth(np.concatenate([rim[:, 1:-1], inner], axis=1)))
    elif who.beard == 'stubble':
        parts.add('stubble', smooth(closed(rim, rim * (0.8, 0.5) + (0, 0.12))))
    for x, y in who.moles:
        parts.add('mole', ellipse(x, y, 0.016, 0.016))

    across = np.linspace(-1, 1, 9)
    raised = _both(0.5 * (au[1] + au[2]))
    for index, height in enumerate((-0.49, -0.57, -0.65)):
        parts.fold(stack(0.34 * across, height + 0.03 * across**2), 0.035,
                   (0.42 - 0.06 * index) * raised**1.2 + 0.1 * who.age)
    t = np.linspace(0, 1, 5)
    parts.fold(stack(SIDES * (0.06 - 0.02 * t), who.brow_y - 0.1 + 0.2 * t), 0.04, 0.6 * au[4] + 0.06 * who.age)
    parts.blob(0.0, who.brow_y + 0.03, 0.13, 0.1, 0.16 * _both(au[4]))
    parts.blob(0.0, -0.55, 0.3, 0.12, -0.08)
    parts.blob(SIDES * (who.face_width - 0.08), -0.5, 0.1, 0.2, 0.12)
    parts.blob(0.0, 0.86 + 0.13 * jaw, 0.14, 0.07, -0.08)
    parts.blob(0.0, who.mouth_y + 0.2 + 0.17 * jaw, 0.16, 0.05, 0.14 + 0.16 * _both(au[15]) + 0.12 * _both(au[23]))


def _cheeks(parts: FaceParts, who: Identity, au: Units) -> None:
    raised, smile, wrinkle = au[6], au[12], au[9]
    lift = 0.06 * raised + 0.05 * smile
    parts.blob(SIDES * 0.44, 0.2 - lift, 0.17, 0.13, -0.1 - 0.14 * raised - 0.08 * smile)
    parts.blob(SIDES * (who.face_width - 0.12), 0.42, 0.1, 0.22, 0.16)
    # The fold from the nose to the mouth's corner, deepened by smile and nose wrinkle.
    t = np.linspace(0, 1, 7)
    near, far = who.nose_width + 0.02, who.mouth_width + 0.06 + 0.1 * smile + 0.06 * au[20]
    top = who.nose_y - 0.03 - 0.07 * wrinkle
    end = who.mouth_y + 0.02 - 0.06 * smile + 0.07 * au[15]
    bow = (0.05 * smile + 0.05 * wrinkle) * np.sin(np.pi * t)
    parts.fold(stack(SIDES * (near + (far - near) * t**0.8 + bow), top + (end - top) * t), 0.045,
               0.12 * who.age + 0.05 + 0.45 * smile + 0.5 * wrinkle)
    # Lines under drawn-down corners of the mouth.
    corner = who.mouth_y + 0.17 * au[15]
    parts.fold(stack(SIDES * (who.mouth_width + 0.01 + 0.06 * t), corner + 0.01 + 0.16 * t), 0.05,
               0.6 * au[15] + 0.04 * who.age)
    # Crow's feet and the pouch under the eye.
    start = who.eye_x + who.eye_width + 0.04
    for slope in (-0.05, 0.02, 0.09):
        parts.fold(stack(SIDES * (start + 0.12 * t), who.eye_y + 0.6 * slope + slope * t), 0.025,
                   0.5 * raised + 0.08 * who.age)
    u = np.linspace(-1, 1, 7)
    pouch = who.eye_y + 0.12 - 0.02 * raised + 0.035 * (1 - u**2)
    parts.fold(stack(SIDES * (who.eye_x + 0.16 * u), pouch), 0.035,
               0.06 + 0.12 * who.age + 0.32 * raised + 0.22 * au[7])


def _nose(parts: FaceParts, who: Identity, au: Units) -> None:
    wrinkle, tip = au[9], who.nose_y
    lift, flare = 0.05 * wrinkle, 0.03 * wrinkle + 0.015 * au[12]
    parts.add('nostril', ellipse(SIDES * (0.5 * who.nose_width + 0.4 * flare), tip + 0.03 - 0.6 * lift, 0.034, 0.02))
    t = np.linspace(-0.6, 1, 7)
    wing = who.nose_width + flare - 0.05 * np.maximum(t, 0)**2 - 0.02 * (t < -0.3)
    parts.fold(stack(SIDES * wing, tip - 0.015 - lift + 0.055 * t), 0.035, 0.34 + 0.25 * wrinkle)
    across = np.linspace(-1, 1, 5)
    parts.fold(stack(0.05 * across, tip + 0.055 - 0.6 * _both(lift)), 0.03, 0.25)
    parts.blob(SIDES * 0.09, 0.02, 0.035, 0.17, 0.17)
    parts.blob(0.0, -0.02, 0.03, 0.16, -0.14)
    parts.blob(0.0, tip - 0.04 - _both(lift), 0.06, 0.05, -0.16)
    # AU9: lines across the root and slanting lines down the sides.
    for height in (-0.17, -0.1):
        parts.fold(stack(0.085 * across, height + 0.02 * across**2), 0.03, 0.62 * _both(wrinkle))
    t = np.linspace(0, 1, 5)
    for height in (-0.07, 0.0):
        parts.fold(stack(SIDES * (0.06 + 0.1 * t), height + 0.09 * t), 0.03, 0.55 * wrinkle)


def _mouth(parts: FaceParts, who: Identity, au: Units) -> None:
    jaw, part, tight = _both(au[26]), _both(au[25]), _both(au[23])      # (T, 1) each
    snarl, lower_down, smile = _both(au[9]), _both(au[16]), _both(au[12])
    half = (who.mouth_width + 0.095 * au[12] + 0.1 * au[20] + 0.015 * au[15]
            - 0.05 * au[23] - 0.05 * au[26]).clip(0.12)     # (T, 2, 1)
    corner_y = (who.mouth_y - who.mouth_bend - 0.15 * au[12] + 0.17 * au[15] + 0.02 * au[20] + 0.05 * au[26])
    t = np.linspace(-1, 1, 5)
    parts.fold(stack(SIDES * (half + 0.012), corner_y + 0.04 * t), 0.035,
               0.2 + 0.3 * au[12] + 0.2 * au[20] + 0.25 * au[23])

    # The four lip lines over x, from the left to the right corner: (T, 13) each.
    share = 0.5 + 0.5 * _U
    x = -half[:, 0] * (1 - share) + half[:, 1] * share
    ends = corner_y[:, 0] * (1 - share) + corner_y[:, 1] * share
    gap_up = 0.02 * jaw + 0.03 * part + 0.06 * snarl + 0.015 * smile
    gap_down = 0.29 * jaw + 0.045 * part + 0.07 * lower_down
    centre = who.mouth_y + 0.01 * tight
    upper_in = ends + (centre - gap_up - ends) * _LIP
    lower_in = ends + (centre + gap_down - ends) * _LIP
    gap = lower_in - upper_in
    thick = 1 - 0.72 * tight - 0.15 * smile - 0.1 * _both(au[20])
    cupid = 1 - 0.22 * np.exp(-(_U / 0.16)**2) + 0.12 * np.exp(-((np.abs(_U) - 0.3) / 0.2)**2)
    upper_out = upper_in - who.upper_lip * thick * _LIP * cupid
    lower_out = lower_in + who.lower_lip * thick * _LIP

    def between(top: np.ndarray, bottom: np.ndarray, rim: int = 0) -> np.ndarray:
        inner = slice(rim, len(_U) - rim)
        return closed(stack(x, top)[:, inner], stack(x, bottom)[:, inner])

    parts.add('mouth_inside', between(upper_in, lower_in))
    tongue = np.maximum(lower_in - 0.1 * jaw * _LIP, upper_in + 0.6 * gap)
    parts.add('tongue', between(tongue, lower_in, 3))
    parts.add('teeth', between(upper_in, upper_in + np.minimum(0.07 * _LIP, 0.8 * gap), 1))
    shown = np.minimum(0.06 * lower_down * (lower_down > 0.12) * _LIP, 0.45 * gap)
    parts.add('teeth', between(lower_in - shown, lower_in, 2))
    parts.add('upper_lip', between(upper_out, upper_in))
    parts.add('lower_lip', between(lower_in, lower_out))
    line = 0.5 * (upper_in + np.minimum(lower_in, upper_in + 0.02))
    parts.add('mouth_line', band(stack(x, line), (0.03 + 0.012 * tight)[..., None]))
    parts.blob(0.0, centre - gap_up - who.upper_lip - 0.05, 0.035, 0.04, 0.1)
    if who.beard in ('moustache', 'full'):
        top = centre - gap_up - who.upper_lip * thick
        parts.add('beard', band(stack(0.9 * x, top - 0.035 + 0.09 * _U**2), 0.075))


def _eyes(parts: FaceParts, who: Identity, au: Units, gaze: np.ndarray) -> None:
    shut = au[45].clip(0, 1)
    opening = 1 + 0.95 * au[5] - 0.38 * au[7] - 0.14 * au[6] - 0.1 * au[4]
    down = 0.62 * who.eye_open * (1 - 0.75 * au[7] - 0.55 * au[6] - 0.2 * au[12] + 0.25 * au[5]).clip(0.05)
    up = who.eye_open * np.maximum(opening, 0.25) * (1 - shut) - 0.8 * down * shut      # (T, 2, 1)
    x = SIDES * (who.eye_x + who.eye_width * _U)    # from the inner corner outwards
    line = who.eye_y - who.eye_tilt * _U
    upper, lower = line - up * _LID, line + down * _LID

    parts.add('lid', closed(stack(x, line - (1.6 * who.eye_open + 0.02 * au[5]) * _LID),
                            stack(x, np.maximum(upper, line))))
    parts.add('eye_white', closed(stack(x, upper), stack(x, lower)))

    look_x, look_y = 0.06 * gaze[:, None, :1], 0.03 * gaze[:, None, 1:]     # (T, 1, 1) each

    def disc(radius: float, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
        """A disc on the eyeballs, cut off by the lids: (T, 2, 16, 2)."""
        place = (SIDES * (look_x + dx + radius * np.cos(_ANGLE)) / who.eye_width).clip(-0.97, 0.97)
        lid = (1 - place**2)**0.7
        axis = who.eye_y - who.eye_tilt * place
        y = who.eye_y - 0.005 + look_y + dy + radius * np.sin(_ANGLE)
        y = np.maximum(np.minimum(y, axis + down * lid), axis - up * lid)
        return stack(SIDES * (who.eye_x + who.eye_width * place), y)

    parts.add('iris', disc(who.iris_radius))
    parts.add('pupil', disc(0.5 * who.iris_radius))
    parts.add('glint', disc(0.2 * who.iris_radius, -0.022, -0.02))
    parts.add('lash', band(stack(x, upper), 0.042))
    parts.fold(stack(x, lower + 0.005), 0.02, 0.22)
    crease = line - (who.eye_open * (1.35 + 0.35 * au[5]) + 0.012) * _LID
    parts.fold(stack(1.02 * x, crease), 0.022, 0.28 + 0.1 * who.age + 0.1 * au[5])
    parts.blob(SIDES * (who.eye_x - 0.03), who.eye_y - 0.12 + 0.02 * au[4], 0.2, 0.07,
               0.12 + 0.14 * au[4] + 0.06 * au[9])
    if who.glasses:
        _glasses(parts, who)


def _glasses(parts: FaceParts, who: Identity) -> None:
    angle = np.linspace(0, 2 * np.pi, 25)
    across, down = (np.sign(f) * np.abs(f)**0.7 for f in (np.cos(angle), np.sin(angle)))
    centre, size = SIDES * (who.eye_x + 0.01), who.glasses_size

    def rim(scale: float) -> np.ndarray:
        return stack(centre + scale * size * across, who.eye_y + 0.01 + 0.75 * scale * size * down)

    parts.add('glasses', closed(rim(1), rim(0.87)))
    bridge = (who.eye_x + 0.02 - size) * np.linspace(-1, 1, 5)
    parts.add('glasses', band(stack(bridge, who.eye_y - 0.03), 0.04))


def _brows(parts: FaceParts, who: Identity, au: Units) -> None:
    v = np.linspace(0, 1, 9)    # from the inner to the outer end
    inner, outer = (1 - v)**1.2, np.sin(0.5 * np.pi * v)**1.5
    length = who.brow_length * 2.15 * who.eye_width
    x = who.eye_x - 0.5 * length + length * v - 0.06 * au[4] * inner
    rest = (who.brow_y + who.brow_tilt * (2 * v - 1) - who.brow_arch * np.sin(np.pi * v**1.3) * 1.4)
    y = (rest - 0.18 * au[1] * inner - 0.15 * au[2] * outer - 0.02 * au[5]
         + au[4] * (0.045 + 0.095 * inner) + 0.05 * au[9] * inner + 0.012 * au[6])
    half = 0.5 * who.brow_thickness * np.array([0.75, 1, 1, 1, 0.95, 0.85, 0.7, 0.5, 0.2])
    parts.add('brow', closed(stack(SIDES * x, y - half), stack(SIDES * x, y + half)))
