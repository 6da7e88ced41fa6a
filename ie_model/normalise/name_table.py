"""Names that everyone knows under several spellings; users add their own.

Each entry maps a spelling to the name that counts. Spellings are compared without case,
points, articles and possessives (see :func:`ie_model.normalise.names.name_key`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ie_model.errors import InputError

NAMES: Mapping[str, str] = {
    "US": "United States",
    "USA": "United States",
    "U.S. of America": "United States",
    "United States of America": "United States",
    "America": "United States",
    "UK": "United Kingdom",
    "Great Britain": "United Kingdom",
    "Britain": "United Kingdom",
    "UAE": "United Arab Emirates",
    "KSA": "Saudi Arabia",
    "DRC": "Democratic Republic of the Congo",
    "PRC": "China",
    "People's Republic of China": "China",
    "DPRK": "North Korea",
    "Republic of Korea": "South Korea",
    "Russian Federation": "Russia",
    "Islamic Republic of Iran": "Iran",
    "Syrian Arab Republic": "Syria",
    "Türkiye": "Turkey",
    "Kiev": "Kyiv",
    "UN": "United Nations",
    "EU": "European Union",
    "NATO": "NATO",
    "North Atlantic Treaty Organization": "NATO",
    "North Atlantic Treaty Organisation": "NATO",
    "ISIS": "Islamic State",
    "ISIL": "Islamic State",
    "IS": "Islamic State",
    "Daesh": "Islamic State",
    "Da'esh": "Islamic State",
    "Islamic State of Iraq and Syria": "Islamic State",
    "Islamic State of Iraq and the Levant": "Islamic State",
    "Islamic State of Iraq and al-Sham": "Islamic State",
    "Islamic State group": "Islamic State",
    "PKK": "Kurdistan Workers' Party",
    "HTS": "Hayat Tahrir al-Sham",
    "SDF": "Syrian Democratic Forces",
    "FSA": "Free Syrian Army",
    "IDF": "Israel Defense Forces",
    "Israel Defence Forces": "Israel Defense Forces",
    "IRGC": "Islamic Revolutionary Guard Corps",
}
"""Spelling to name. ``IS`` only where it is written in capitals, for ``is`` is a verb."""


def read_names(path: str | Path) -> dict[str, str]:
    """The table with the lines of a file added: a spelling, a tab, the name that counts.

    Raises:
        InputError: the file is not there, or a line is not two columns.
    """
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    table = dict(NAMES)
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) != 2 or not all(parts):
            raise InputError(
                f"{file}, line {number}: expected a spelling, a tab and a name, found {line!r}"
            )
        table[parts[0]] = parts[1]
    return table
