"""Time zones by name and offset: what stands behind a clock time, to an ISO 8601 offset."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_OFFSETS = {
    "gmt": 0, "utc": 0, "zulu": 0, "z": 0, "wet": 0, "west": 60, "bst": 60, "wat": 60,
    "cet": 60, "cest": 120, "eet": 120, "eest": 180, "cat": 120, "sast": 120, "msk": 180,
    "trt": 180, "eat": 180, "irst": 210, "irdt": 270, "gst": 240, "aft": 270, "pkt": 300,
    "npt": 345, "ict": 420, "wib": 420, "sgt": 480, "hkt": 480, "pht": 480, "awst": 480,
    "jst": 540, "kst": 540, "acst": 570, "aest": 600, "acdt": 630, "aedt": 660, "nzst": 720,
    "nzdt": 780, "est": -300, "edt": -240, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480,
    "pdt": -420, "hst": -600,
}  # fmt: skip
"""Minutes east of Greenwich. ``IST`` (India, Israel, Ireland), ``AST`` (Arabia, Atlantic) and
``CST`` (Chicago, China) are more than one zone: known as zones, and no offset is given."""

_MORE_THAN_ONE = ("ist", "ast", "adt", "cst")
_REGIONS = {
    "et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver",
    "pt": "America/Los_Angeles", "eastern": "America/New_York", "central": "America/Chicago",
    "mountain": "America/Denver", "pacific": "America/Los_Angeles",
    "central european": "Europe/Paris", "eastern european": "Europe/Athens",
    "british": "Europe/London", "israel": "Asia/Jerusalem", "israeli": "Asia/Jerusalem",
    "japan": "Asia/Tokyo", "pakistan": "Asia/Karachi", "india": "Asia/Kolkata",
    "indian": "Asia/Kolkata", "iraqi": "Asia/Baghdad", "iraq": "Asia/Baghdad",
    "syrian": "Asia/Damascus", "syria": "Asia/Damascus", "afghan": "Asia/Kabul",
    "kyiv": "Europe/Kyiv", "kiev": "Europe/Kyiv", "iranian": "Asia/Tehran", "iran": "Asia/Tehran",
    "turkish": "Europe/Istanbul", "turkey": "Europe/Istanbul", "washington": "America/New_York",
    "beijing": "Asia/Shanghai", "mecca": "Asia/Riyadh", "saudi": "Asia/Riyadh",
    "ukrainian": "Europe/Kyiv", "yemeni": "Asia/Aden", "lebanese": "Asia/Beirut",
}  # fmt: skip
_ABBREVIATIONS = "|".join(
    sorted((*_OFFSETS, *_MORE_THAN_ONE, "et", "ct", "mt", "pt"), key=len)[::-1]
)
ZONE = (
    r"(?:\s*(?P<zone>\(?(?:gmt|utc)\s?[+-]\s?(?:1[0-4]|0?[0-9])(?::?[0-5][0-9])?\b\)?"
    r"|(?<=\s)[+-](?:1[0-4]|0[0-9]):?[0-5][0-9]\b"
    rf"|\(?(?:gmt|utc|zulu|z)\b\)?|(?<=[\s(])\(?(?:{_ABBREVIATIONS})\b\)?"
    r"|(?<=\s)(?:local(?: time)?|(?!of\b)[a-z]+(?: [a-z]+)? time)\b|(?<=[0-9])l\b))?"
)
"""What may stand behind a clock time; group ``zone``, to be read by :func:`offset`."""


def offset(zone: str | None, moment: datetime) -> str:
    """``Z``, ``+03:00``, or nothing for local time and for a zone that may be one of several.

    Names of places are looked up in the time zone database, so that summer time is right on
    the day of ``moment``.
    """
    said = re.sub(r"[()]", "", zone or "").strip()
    written = re.fullmatch(r"(?:gmt|utc)?\s?([+-])\s?([0-9]{1,2})(?::?([0-9]{2}))?", said)
    if written:
        minutes = int(written[2]) * 60 + int(written[3] or 0)
        return _iso(minutes if written[1] == "+" else -minutes)
    if said in _OFFSETS:
        return _iso(_OFFSETS[said], "Z" if said in ("gmt", "utc", "zulu", "z") else "")
    name = re.sub(r"\s*\b(?:standard|daylight|summer|winter)?\s*time$", "", said)
    region = _REGIONS.get(name) or _places().get(name)
    if not region:
        return ""
    try:
        east = moment.replace(tzinfo=ZoneInfo(region)).utcoffset()
    except ZoneInfoNotFoundError:  # no time zone database on this machine
        return ""
    return "" if east is None else _iso(round(east.total_seconds() / 60))


def _iso(minutes: int, zero: str = "") -> str:
    if minutes == 0 and zero:
        return zero
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@cache
def _places() -> dict[str, str]:
    """``baghdad`` to ``Asia/Baghdad``: the cities that name zones."""
    areas = ("Africa/", "America/", "Asia/", "Europe/", "Australia/", "Pacific/")
    return {
        name.rpartition("/")[2].replace("_", " ").lower(): name
        for name in sorted(available_timezones())
        if name.startswith(areas)
    }
