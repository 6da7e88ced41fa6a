"""Currencies, as signs, codes and words, to their ISO 4217 codes."""

from __future__ import annotations

import re
from functools import lru_cache

_CODES = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP "
    "BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR "
    "KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR "
    "SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS "
    "UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG".split()
)
_SIGNS = {
    "us$": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "nz$": "NZD",
    "hk$": "HKD", "s$": "SGD", "r$": "BRL", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY",
    "₽": "RUB", "₴": "UAH", "₪": "ILS", "₹": "INR", "₺": "TRY", "₩": "KRW", "₱": "PHP",
    "₦": "NGN", "₫": "VND", "฿": "THB", "₸": "KZT", "₼": "AZN", "₾": "GEL", "৳": "BDT", "؋": "AFN",
}  # fmt: skip
_IN_FRONT = (
    _SIGNS
    | {"rs": "rupees", "rs.": "rupees"}
    | {code.lower(): code for code in _CODES - {"ALL", "TOP"}}
)
SYMBOL = re.compile(
    "(" + "|".join(map(re.escape, sorted(_IN_FRONT, key=len)[::-1])) + r")\s?(?=[0-9])"
)
_WORDS = (
    ("USD", r"(?:u\.?s\.? |american |united states )?dollars?"),
    ("EUR", r"euros?"),
    ("GBP", r"pounds? sterling|british pounds?|sterling"),
    ("AED", r"(?:uae |emirati )dirhams?"),
    ("AFN", r"(?:afghan )?afghanis?"),
    ("AMD", r"(?:armenian )?drams?"),
    ("AUD", r"australian dollars?"),
    ("AZN", r"azer(?:baijan)?i manats?"),
    ("BDT", r"(?:bangladeshi )?takas?"),
    ("BRL", r"(?:brazilian )?reais|brazilian reals?"),
    ("BYN", r"belarus(?:s?ian)? ro?ubles?"),
    ("CAD", r"canadian dollars?"),
    ("CHF", r"swiss francs?"),
    ("CNY", r"(?:chinese )?(?:yuan|renminbi)"),
    ("COP", r"colombian pesos?"),
    ("CZK", r"czech (?:crowns?|koruna)"),
    ("DKK", r"danish (?:kroner?|crowns?)"),
    ("DZD", r"algerian dinars?"),
    ("EGP", r"egyptian pounds?"),
    ("ETB", r"(?:ethiopian )?birrs?"),
    ("GEL", r"(?:georgian )?laris?"),
    ("HUF", r"(?:hungarian )?forints?"),
    ("IDR", r"(?:indonesian )?rupiahs?"),
    ("ILS", r"(?:israeli )?(?:new )?shekels?"),
    ("INR", r"indian rupees?"),
    ("IQD", r"iraqi dinars?"),
    ("IRR", r"iranian rials?"),
    ("JOD", r"jordanian dinars?"),
    ("JPY", r"(?:japanese )?yen"),
    ("KES", r"kenyan shillings?"),
    ("KRW", r"(?:south korean )?won"),
    ("KWD", r"kuwaiti dinars?"),
    ("KZT", r"(?:kazakh )?tenges?"),
    ("LBP", r"lebanese (?:pounds?|liras?)"),
    ("LKR", r"sri lankan rupees?"),
    ("LYD", r"libyan dinars?"),
    ("MAD", r"moroccan dirhams?"),
    ("MMK", r"(?:myanmar |burmese )?kyats?"),
    ("MXN", r"mexican pesos?"),
    ("MYR", r"(?:malaysian )?ringgits?"),
    ("NGN", r"(?:nigerian )?nairas?"),
    ("NOK", r"norwegian (?:kroner?|crowns?)"),
    ("NPR", r"nepal(?:i|ese) rupees?"),
    ("OMR", r"omani rials?"),
    ("PHP", r"philippine pesos?"),
    ("PKR", r"pakistani? rupees?"),
    ("PLN", r"(?:polish )?(?:zlotys?|złotych)"),
    ("QAR", r"qatari ri(?:y)?als?"),
    ("RON", r"romanian (?:lei|leu)"),
    ("RUB", r"(?:russian )?ro?ubles?"),
    ("SAR", r"saudi ri(?:y)?als?"),
    ("SDG", r"sudanese pounds?"),
    ("SEK", r"swedish (?:kron(?:or|a)|crowns?)"),
    ("SOS", r"somali shillings?"),
    ("SSP", r"south sudanese pounds?"),
    ("SYP", r"syrian (?:pounds?|liras?)"),
    ("THB", r"(?:thai )?bahts?"),
    ("TND", r"tunisian dinars?"),
    ("TRY", r"turkish liras?"),
    ("TWD", r"taiwan(?:ese)? dollars?"),
    ("UAH", r"(?:ukrainian )?hryvni?as?"),
    ("UGX", r"ugandan shillings?"),
    ("VND", r"vietnamese dongs?"),
    ("YER", r"yemeni ri(?:y)?als?"),
    ("ZAR", r"south african rands?|rands?"),
)
"""Only names that belong to one country; a bare ``rupee``, ``peso`` or ``dinar`` stays a noun."""


def front_currency(folded: str) -> str:
    """The code of what :data:`SYMBOL` matched."""
    return _IN_FRONT[folded]


@lru_cache(maxsize=4096)
def currency(noun: str) -> str | None:
    """The ISO 4217 code of a currency in words, by its sign or its code (in capitals, for
    ``try`` and ``cup`` are words), where only one can be meant."""
    folded = noun.lower()
    if noun in _CODES or (folded in ("eur", "usd", "gbp") and noun.isalpha()):
        return folded.upper()
    named = (code for code, names in _WORDS if re.fullmatch(names, folded))
    return _SIGNS.get(folded) or next(named, None)
