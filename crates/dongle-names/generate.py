#!/usr/bin/env python3
"""Writes src/tables/*.rs, the names of assigned numbers, and the constants in
dongle-central/src/assigned that go by these names.

Three sources, all made from the Bluetooth SIG's published lists and under licences
that allow it:

- btuuid (crates.io, MIT or Apache-2.0), the crate below bt-hci: services, characteristics,
  descriptors and appearances. Its source is read where cargo has unpacked it.
- bumble (PyPI, Apache-2.0): companies.
- bleak (PyPI, MIT): the 16-bit UUIDs of members, and 128-bit UUIDs that vendors use.

    cargo fetch
    pip download --no-deps --dest target/names bleak==3.1.0 bumble==0.0.236
    python3 crates/dongle-names/generate.py
"""

import ast
import glob
import os
import re
import zipfile

BTUUID = "0.1.1"
BLEAK = "3.1.0"
BUMBLE = "0.0.236"

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def btuuid(name):
    home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    pattern = f"{home}/registry/src/*/btuuid-{BTUUID}/src/{name}.rs"
    with open(glob.glob(pattern)[0], encoding="utf-8") as file:
        text = file.read()
    # /// `0x2901` Characteristic User Description
    found = re.findall(r"^\s*/// `0x([0-9A-Fa-f]{4})` (.+)$", text, re.MULTILINE)
    return {int(number, 16): name.strip() for number, name in found}


def wheel(package, version, path):
    """The dictionaries that a module of a package on PyPI defines."""
    tables = {}
    with zipfile.ZipFile(f"{ROOT}/target/names/{package}-{version}-py3-none-any.whl") as archive:
        for node in ast.parse(archive.read(path)).body:
            target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
            if isinstance(getattr(node, "value", None), ast.Dict):
                tables[target.id] = ast.literal_eval(node.value)
    return tables


def write(name, what, source, key, table):
    path = f"{HERE}/src/tables/{name}.rs"
    with open(path, "w", encoding="utf-8") as file:
        print(f"//! {what} Written by generate.py from {source}: do not edit.\n", file=file)
        print("#[rustfmt::skip]", file=file)
        print(f"pub(crate) static TABLE: &[({key[0]}, &str)] = &[", file=file)
        for number in sorted(table):
            text = table[number].replace("\\", "\\\\").replace('"', '\\"')
            print(f'    ({number:#0{key[1]}x}, "{text}"),', file=file)
        print("];", file=file)
    print(f"{len(table):5} {name}")


def constant(name):
    """CLIENT_CHARACTERISTIC_CONFIGURATION"""
    words = re.findall(r"[A-Za-z0-9]+", name.replace("'", "").replace("\u2019", ""))
    identifier = "_".join(words).upper()
    return identifier if identifier[0].isalpha() else f"N_{identifier}"


def write_constants(name, what, table):
    """One constant for each UUID; of two with the same name, for the one that came last."""
    path = f"{ROOT}/crates/dongle-central/src/assigned/{name}.rs"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    by_name = {constant(table[number]): number for number in sorted(table)}
    source = f"dongle-names/generate.py from btuuid {BTUUID}"
    with open(path, "w", encoding="utf-8") as file:
        print(f"//! {what} Written by {source}: do not edit.\n", file=file)
        print("use crate::att::Uuid;\n", file=file)
        for identifier, number in sorted(by_name.items(), key=lambda entry: entry[1]):
            print(f"/// {table[number]}.", file=file)
            print(f"pub const {identifier}: Uuid = Uuid::from_u16(0x{number:04X});", file=file)
    if len(by_name) != len(table):
        print(f"      {len(table) - len(by_name)} of {name} share their name with another")


def appearance(name):
    return name.removeprefix("Generic ").split(" | ")[-1]


def main():
    os.makedirs(f"{HERE}/src/tables", exist_ok=True)
    uuids = wheel("bleak", BLEAK, "bleak/uuids.py")
    companies = wheel("bumble", BUMBLE, "bumble/company_ids.py")["COMPANY_IDENTIFIERS"]
    from_btuuid, from_bleak = f"btuuid {BTUUID}", f"bleak {BLEAK}"
    short = ("u16", 6)
    services = btuuid("service")
    characteristics = btuuid("characteristic")
    descriptors = btuuid("descriptors")
    known = services.keys() | characteristics.keys() | descriptors.keys()
    # bleak has colons where the published names have commas.
    members = {
        number: name.replace(": ", ", ")
        for number, name in uuids["uuid16_dict"].items()
        if number >= 0xFC00 and number not in known
    }
    vendors = {int(n.replace("-", ""), 16): name for n, name in uuids["uuid128_dict"].items()}
    appearances = {n: appearance(t) for n, t in btuuid("appearance/categories").items()}
    write("services", "GATT services.", from_btuuid, short, services)
    write("characteristics", "GATT characteristics.", from_btuuid, short, characteristics)
    write("descriptors", "GATT descriptors.", from_btuuid, short, descriptors)
    write_constants("services", "GATT services.", services)
    write_constants("characteristics", "GATT characteristics.", characteristics)
    write_constants("descriptors", "GATT descriptors.", descriptors)
    write("declarations", "GATT declarations.", from_btuuid, short, btuuid("declarations"))
    write("appearances", "Appearances.", from_btuuid, short, appearances)
    write("companies", "Companies.", f"bumble {BUMBLE}", short, companies)
    write("members", "UUIDs that members were given.", from_bleak, short, members)
    write("vendors", "UUIDs that vendors chose.", from_bleak, ("u128", 34), vendors)


main()
