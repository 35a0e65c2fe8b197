"""The turn of hues, compiled by numba: colours to bytes, those through OpenCV's HSV of bytes, and back.

Hue, saturation and the tables of their reciprocals are rounded as OpenCV rounds them, so that the result is within a
grey level of its two conversions. Planes of one channel each, since vector units want those.
"""
from __future__ import annotations

import numpy as np
from numba import float32, int32, njit, uint8

# Bytes hold no NaN, so minimum and maximum may be single instructions.
inlined = njit(forceinline=True, fastmath=True, error_model='numpy')

ZERO, ONE, TWO, THREE, FOUR, FIVE, SEXTANTS = (np.float32(number) for number in range(7))
HALF, MOST, SEXTANT, CIRCLE = (np.float32(number) for number in (0.5, 255, 30, 180))        # OpenCV has 180 hues
HUE_TABLE, SATURATION_TABLE, TABLE_UNIT = np.float32(30 * 4096), np.float32(255 * 4096), np.float32(1 / 4096)
NEARLY = np.float32(1e-3)                                   # what float32 may lack to a whole level


@inlined
def whole(value):
    """The whole number below; for numbers from 0."""
    return float32(int32(value))


@inlined
def rounded(value):
    return whole(value + HALF)


@inlined
def row_of(colours, channel):
    return colours[channel, 0], colours[channel, 1], colours[channel, 2], colours[channel, 3]


@inlined
def mixed(weights, red, green, blue):
    """A channel of the mixed colours, as a byte: fractions are cut off."""
    value = weights[0] * red + weights[1] * green + weights[2] * blue + weights[3]
    return whole(min(max(value, ZERO), MOST))


@inlined
def channel(sextant, value, chroma):
    """The channel whose hue lies so many sextants, 0 to 12, before the colour's."""
    sextant = sextant - SEXTANTS if sextant >= SEXTANTS else sextant
    share = max(ZERO, min(min(sextant, FOUR - sextant), ONE))
    return uint8(int32(value - chroma * share + NEARLY))


@njit(nogil=True, cache=True, fastmath=True, error_model='numpy')
def turn_hues(red, green, blue, colours, shift):
    """Mix the colours of each pixel and turn their hues, in place.

    Args:
        red, green, blue: (N,) of uint8, contiguous.
        colours: (3, 4) of float32, weights of the three channels and a constant for each; within ±1e6.
        shift: in OpenCV's hues of 2 degrees, from -180 to 180.
    """
    to_red, to_green, to_blue = row_of(colours, 0), row_of(colours, 1), row_of(colours, 2)      # in registers
    for pixel in range(len(red)):
        r, g, b = float32(red[pixel]), float32(green[pixel]), float32(blue[pixel])
        x, y, z = mixed(to_red, r, g, b), mixed(to_green, r, g, b), mixed(to_blue, r, g, b)
        value = max(x, max(y, z))
        span = value - min(x, min(y, z))
        hue = y - z if value == x else (z - x + TWO * span if value == y else x - y + FOUR * span)
        hue = hue * rounded(HUE_TABLE / max(span, ONE)) * TABLE_UNIT
        hue = rounded(hue + SEXTANT) - SEXTANT + float32(shift)
        hue = hue + CIRCLE if hue < ZERO else hue
        hue = hue - CIRCLE if hue >= CIRCLE else hue
        saturation = rounded(span * rounded(SATURATION_TABLE / max(value, ONE)) * TABLE_UNIT)
        sextant, chroma = hue / SEXTANT, value * saturation / MOST
        red[pixel] = channel(sextant + FIVE, value, chroma)
        green[pixel] = channel(sextant + THREE, value, chroma)
        blue[pixel] = channel(sextant + ONE, value, chroma)
