"""Checks a proof pack of the switching portal Kirikae without the portal: Python 3.8 or newer, nothing to install.

    python3 verify.py                       the pack this file was unpacked with
    python3 verify.py PACK.zip              a pack that was not unpacked
    python3 verify.py --key 64HEXDIGITS …   and signed by this very key, which you got by another way

What is checked: the signature over the manifest; the hash of every file; every ledger entry against the seals of the
hub's hash chain (portal.seals says how they are made); every seal's signature. Exit status 0: everything fits.
The signatures are Ed25519 (RFC 8032), checked here with whole numbers only.
"""

import argparse
import hashlib
import json
import os
import sys
import zipfile

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
NOT_LISTED = {"manifest.json", "signature.txt", "verify.py"}


class Broken(Exception):
    """The pack does not prove what it says; the message tells where."""


def _recover_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def _point(text):
    number = int.from_bytes(text, "little")
    y = number & (2**255 - 1)
    x = _recover_x(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    k, m, n, o = f - e, h - g, h + g, f + e
    return k * m % P, n * o % P, m * n % P, k * o % P


def _times(number, point):
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = _recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def is_signed(message, signature, public_key):
    """True when the 64 bytes are the Ed25519 signature over the message by the holder of the 32-byte key."""
    if len(signature) != 64 or len(public_key) != 32:
        return False
    key, nonce = _point(public_key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    left = _times(scalar, BASE)
    right = _add(nonce, _times(int.from_bytes(digest, "little") % ORDER, key))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


def read_folder(path):
    """Every file of an unpacked pack by name."""
    found = {}
    for name in os.listdir(path):
        whole = os.path.join(path, name)
        if os.path.isfile(whole):
            with open(whole, "rb") as file:
                found[name] = file.read()
    return found


def read_zip(path):
    """Every file of a pack by name; a name that stands twice is refused."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != len(set(names)):
            raise Broken("a file stands twice in the archive")
        return {name: archive.read(name) for name in names}


def check(files, trusted_key=None):
    """Check a pack given as names and bytes; returns what it proves, line by line. Raises Broken."""
    try:
        return _check(files, trusted_key)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise Broken(f"the pack is not written as a proof pack is: {error}") from error


def _check(files, trusted_key):
    for name in ("manifest.json", "signature.txt", "ledger.json", "seals.json"):
        if name not in files:
            raise Broken(f"{name} is missing")
    manifest = json.loads(files["manifest.json"].decode("utf-8"))
    key = manifest["public_key"]
    if trusted_key and trusted_key.lower() != key:
        raise Broken(f"the pack is signed with the key {key}, not with the one you gave")
    text = b"kirikae proof " + hashlib.sha256(files["manifest.json"]).hexdigest().encode()
    if not is_signed(text, bytes.fromhex(files["signature.txt"].decode("ascii").strip()), bytes.fromhex(key)):
        raise Broken("the signature over manifest.json does not fit")
    for name, digest in sorted(manifest["files"].items()):
        if name not in files:
            raise Broken(f"{name} is missing")
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise Broken(f"{name} was changed")
    strange = sorted(set(files) - set(manifest["files"]) - NOT_LISTED)
    if strange:
        raise Broken(f"{strange[0]} does not belong to the pack")
    entries = {entry["id"]: entry["line"] for entry in json.loads(files["ledger.json"].decode("utf-8"))}
    seals = json.loads(files["seals.json"].decode("utf-8"))
    sealed = _check_seals(seals, entries, {key, *manifest["former_keys"]})
    if sealed != set(entries):
        raise Broken(f"ledger entry {min(set(entries) - sealed)} stands in no seal")
    return [
        f"case {manifest['case']['kind']} {manifest['case']['number']}, packed {manifest['made_at']}",
        f"{len(manifest['files'])} files unchanged, {len(entries)} ledger entries in {len(seals)} seals",
        f"signed by the key {key}",
    ]


def _check_seals(seals, entries, keys):
    sealed = set()
    before = None
    for seal in seals:
        number = seal["number"]
        if before and number <= before["number"]:
            raise Broken(f"seal {number} stands in the wrong place")
        if before and number == before["number"] + 1 and seal["previous"] != before["hash"]:
            raise Broken(f"seal {number} does not follow from the one before")
        link = bytes.fromhex(seal["previous"])
        for item in seal["entries"]:
            if "id" in item:
                line = entries[item["id"]]
                if json.loads(line)["id"] != item["id"]:
                    raise Broken(f"ledger entry {item['id']} carries another entry's content")
                leaf = hashlib.sha256(b"entry\n" + line.encode("utf-8")).digest()
                sealed.add(item["id"])
            else:
                leaf = bytes.fromhex(item["hash"])
            link = hashlib.sha256(link + leaf).digest()
        head = f"seal\n{number}\n{seal['sealed_at']}\n{len(seal['entries'])}\n"
        if hashlib.sha256(head.encode() + link).hexdigest() != seal["hash"]:
            raise Broken(f"seal {number} does not fit its entries")
        if seal["public_key"] not in keys:
            raise Broken(f"seal {number} is signed with a key the hub does not name")
        text = f"kirikae seal {seal['hash']}".encode()
        if not is_signed(text, bytes.fromhex(seal["signature"]), bytes.fromhex(seal["public_key"])):
            raise Broken(f"the signature of seal {number} does not fit")
        before = seal
    return sealed


def main(arguments=None):
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Checks a proof pack of the switching portal Kirikae.")
    parser.add_argument("pack", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--key", metavar="HEX", help="the hub's public key, got by another way than with the pack")
    options = parser.parse_args(arguments)
    try:
        files = read_folder(options.pack) if os.path.isdir(options.pack) else read_zip(options.pack)
        lines = check(files, options.key)
    except Broken as broken:
        print(f"NOT PROVEN / 証明できません: {broken}")
        return 1
    except (OSError, zipfile.BadZipFile) as error:
        print(f"NOT PROVEN / 証明できません: the pack cannot be read: {error}")
        return 1
    print("PROVEN / 証明できました")
    for line in lines:
        print("  " + line)
    if not options.key:
        print("  Compare this key with the one the hub operator publishes / 公開鍵を公表値と照合してください")
    return 0


if __name__ == "__main__":
    sys.exit(main())
