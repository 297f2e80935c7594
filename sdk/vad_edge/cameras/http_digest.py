"""The answer to an HTTP Digest challenge (RFC 7616)."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from vad_edge.cameras.login import CameraLogin

_PARAMETER: Final = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_HASHES: Final = {"MD5": "md5", "SHA-256": "sha256"}
_LONGEST: Final = 4096


def challenge_of(header: str) -> dict[str, str] | None:
    """The parameters of a Digest challenge by lower-case name; None for another scheme, or one we lack.

    >>> challenge_of('Digest realm="camera", nonce="a1", qop="auth"')
    {'realm': 'camera', 'nonce': 'a1', 'qop': 'auth'}
    """
    scheme, _, rest = header[:_LONGEST].strip().partition(" ")
    if scheme.lower() != "digest":
        return None
    found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
    known = found.get("algorithm", "MD5").upper() in _HASHES
    qop = [each.strip() for each in found.get("qop", "auth").split(",")]
    return found if known and "nonce" in found and "auth" in qop else None


def authorization(
    challenge: dict[str, str], login: CameraLogin, path: str, cnonce: str, number: int = 1
) -> str:
    """The value of the Authorization header of a POST; number counts the requests with this challenge."""
    algorithm = challenge.get("algorithm", "MD5")

    def digest(text: str) -> str:
        return hashlib.new(_HASHES[algorithm.upper()], text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce, count = challenge.get("realm", ""), challenge["nonce"], f"{number:08x}"
    who = digest(f"{login.user}:{realm}:{login.password.get_secret_value()}")
    what = digest(f"POST:{path}")
    user = login.user.replace("\\", "\\\\").replace('"', '\\"')
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": path}
    if "qop" in challenge:
        fields["response"] = digest(f"{who}:{nonce}:{count}:{cnonce}:auth:{what}")
        fields["cnonce"] = cnonce
    else:
        fields["response"] = digest(f"{who}:{nonce}:{what}")
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    quoted = ", ".join(f'{name}="{_plain(value)}"' for name, value in fields.items())
    bare = f", algorithm={algorithm}" if "algorithm" in challenge else ""
    return f"Digest {quoted}{bare}" + (f", qop=auth, nc={count}" if "qop" in challenge else "")


def _plain(value: str) -> str:
    """A value for a quoted string in a header: what the camera sent must not begin another header."""
    return re.sub(r"[\x00-\x1f\x7f]", "", value)
