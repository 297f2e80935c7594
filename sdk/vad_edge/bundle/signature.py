"""Who vouches for a bundle: an Ed25519 signature over what every member hashes to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vad_edge.common.verdict import Verdict

SIGNATURE: Final = "signature"


def sign(hashes: Mapping[str, str], key: Ed25519PrivateKey) -> bytes:
    """The `signature` member for a bundle whose other members have these sha256, by name."""
    record = {
        "algorithm": "ed25519",
        "public_key": key.public_key().public_bytes_raw().hex(),
        "signature": key.sign(_signed_text(hashes)).hex(),
    }
    return json.dumps(record, indent=2).encode()


def signature_holds(
    signature: bytes | None, hashes: Mapping[str, str], trusted: Sequence[Ed25519PublicKey]
) -> Verdict:
    """Whether a bundle may be read, given its `signature` member or None.

    A signature that is there must always be right. Once there are `trusted` keys, there must be one and it
    must be by one of them.
    """
    if signature is None:
        if trusted:
            return Verdict(
                False, "it is not signed", "this device takes bundles signed by a trusted key only"
            )
        return Verdict(True)
    try:
        record = json.loads(signature)
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(record["public_key"]))
        signer.verify(bytes.fromhex(record["signature"]), _signed_text(hashes))
    except (InvalidSignature, ValueError, TypeError, KeyError, RecursionError):
        return Verdict(False, "its signature does not match its contents", "fetch the bundle again")
    if trusted and all(signer.public_bytes_raw() != key.public_bytes_raw() for key in trusted):
        shown = signer.public_bytes_raw().hex()[:16]
        return Verdict(
            False, f"it is signed by {shown}..., which is not a trusted key", "use a trusted bundle"
        )
    return Verdict(True)


def _signed_text(hashes: Mapping[str, str]) -> bytes:
    lines = (f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
    return ("vad-edge bundle\n" + "".join(lines)).encode()
