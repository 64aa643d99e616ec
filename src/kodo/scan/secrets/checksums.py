"""Proofs that a token is real: checksums and structures that its issuer has made public.

Knows no network: nothing is ever tried against a service. Guards that random text of the right
shape is not taken for a key where the key could prove itself.
"""

import base64
import binascii
import zlib

import msgspec

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CHECK_CHARS = 6


class _JwtHeader(msgspec.Struct):
    alg: str


def has_base62_crc32(token: bytes) -> bool:
    """Tell whether the last six characters are the CRC-32 of what stands behind the prefix.

    The scheme of GitHub's and npm's tokens: `prefix_` + random text + checksum in base 62.
    """
    body = token.rpartition(b"_")[2]
    text, check = body[:-CHECK_CHARS], body[-CHECK_CHARS:]
    return _base62(zlib.crc32(text)).rjust(CHECK_CHARS, b"0") == check


def _base62(number: int) -> bytes:
    digits = bytearray()
    while number:
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    digits.reverse()
    return bytes(digits)


def is_jwt(token: bytes) -> bool:
    """Tell whether the first piece decodes to the header of a signed token (RFC 7519).

    Unsigned ones (`none`) hold no secret.
    """
    header = token.partition(b".")[0]
    try:
        raw = base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4))
        algorithm = msgspec.json.decode(raw, type=_JwtHeader).alg
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return algorithm.lower() != "none"


def is_aws_key_id(token: bytes) -> bool:
    """Tell whether the identifier holds an account number: base 32, the top bit unset."""
    try:
        raw = base64.b32decode(token[4:] + b"=" * (-len(token[4:]) % 8))
    except binascii.Error:
        return False
    account = (int.from_bytes(raw[:6], "big") & 0x7FFF_FFFF_FF80) >> 7
    return 0 < account < 1_000_000_000_000


def is_bech32(token: bytes) -> bool:
    """Tell whether the checksum of BIP 173 holds, as in the secret keys of age."""
    lower = token.lower()
    prefix, _, data = lower.rpartition(b"1")
    values = [_BECH32.find(c) for c in data]
    if not prefix or -1 in values:
        return False
    check = 1
    for value in (*(c >> 5 for c in prefix), 0, *(c & 31 for c in prefix), *values):
        top = check >> 25
        check = (check & 0x1FF_FFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            if top >> bit & 1:
                check ^= generator
    return check == 1


def is_der(body: bytes) -> bool:
    """Tell whether the base 64 lines of a PEM block hold one DER sequence of the stated length."""
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return False
    if len(raw) < 32:
        return False
    if raw.startswith(b"openssh-key-v1\0"):
        return True
    if raw[0] != 0x30:
        return False
    if raw[1] < 0x80:
        return len(raw) == raw[1] + 2
    octets = raw[1] & 0x7F
    return len(raw) == int.from_bytes(raw[2 : 2 + octets], "big") + 2 + octets
