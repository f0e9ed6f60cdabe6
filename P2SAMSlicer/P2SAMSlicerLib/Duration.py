"""Seconds as a person says them."""

from slicer.i18n import tr as _


def duration(seconds):
    """8 s, 2 min, 1 h 10 min."""
    seconds = max(1, round(seconds))
    if seconds < 90:
        return _("{seconds} s").format(seconds=seconds)
    minutes = round(seconds / 60)
    if minutes < 90:
        return _("{minutes} min").format(minutes=minutes)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)
