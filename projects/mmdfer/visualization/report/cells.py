"""Figures as texts for people, which still sort as numbers."""
from __future__ import annotations

from collections.abc import Mapping

NOT_MEASURED = 'not measured'


class Cell(str):
    """A text of a table with the number that it sorts by; ``None`` sorts last."""
    value: float | None

    def __new__(cls, text: str, value: float | None) -> Cell:
        cell = super().__new__(cls, text)
        cell.value = value
        return cell


def percent(value: float | None, missing: str = NOT_MEASURED) -> Cell:
    """A share in per cent, two digits."""
    return Cell(missing if value is None else f'{100 * value:.2f}', value)


def spread(figure: Mapping[str, float | None]) -> Cell:
    """``mean ± standard deviation`` in per cent; the mean alone of a single run."""
    deviation = '' if figure['std'] is None else f' ± {percent(figure["std"])}'
    return Cell(percent(figure['mean']) + deviation, figure['mean'])


def ranged(interval: Mapping[str, float] | None, missing: str = '') -> Cell:
    """``low-high`` of an interval in per cent; sorts by its width."""
    if interval is None:
        return Cell(missing, None)
    return Cell(f'{percent(interval["low"])}–{percent(interval["high"])}', interval['high'] - interval['low'])


def points(value: float) -> Cell:
    """A difference of shares in points of a hundred, with its sign."""
    return Cell(f'{100 * value:+.2f}', value)


def points_range(interval: Mapping[str, float]) -> str:
    """``low to high`` of a difference."""
    return f'{points(interval["low"])} to {points(interval["high"])}'


def chance(p: float | None, equals: bool = False) -> Cell:
    """A p: three digits, three significant ones below 0.1."""
    if p is None:
        return Cell('not defined', None)
    small = p < 1e-4
    text = '0.0001' if small else f'{p:.3f}' if p >= 0.1 else f'{p:.3g}'
    return Cell(('< ' if small else '= ' if equals else '') + text, p)


def count(value: float | None, missing: str = NOT_MEASURED) -> Cell:
    """A whole number with thousands apart."""
    return Cell(missing if value is None else f'{value:,.0f}', value)


def millions(value: float | None, missing: str = '') -> Cell:
    """A number of parameters, in millions from 0.1 M on."""
    return Cell(missing if value is None else f'{value:,.0f}' if value < 1e5 else f'{value / 1e6:.2f} M', value)


def duration(seconds: float | None) -> Cell:
    """Seconds as ``1 h 02 min``, ``3 min 20 s``, ``4.1 s`` or ``210 ms``."""
    minutes, rest = divmod(round(seconds or 0), 60)
    if seconds is None:
        text = NOT_MEASURED
    elif seconds < 1:
        text = f'{1000 * seconds:.0f} ms'
    elif seconds < 59.95:
        text = f'{seconds:.1f} s'
    else:
        text = f'{minutes} min {rest:02d} s' if minutes < 60 else f'{minutes // 60} h {minutes % 60:02d} min'
    return Cell(text, seconds)


def mebibytes(value: float | None) -> Cell:
    """Memory in MiB or GiB."""
    return Cell(NOT_MEASURED if value is None else f'{value:,.0f} MiB' if value < 10240 else f'{value / 1024:.1f} GiB',
                value)


def memory(cuda_mib: float | None, rss_mib: float | None) -> Cell:
    """Peak memory of the CUDA device, or of the main process, marked RSS, where no device was used."""
    if cuda_mib is not None or rss_mib is None:
        return mebibytes(cuda_mib)
    return Cell(f'{mebibytes(rss_mib)} RSS', rss_mib)
