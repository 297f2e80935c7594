"""Signing keys as files, and the keys this machine trusts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from vad_edge.common.explain import system_errors_as
from vad_edge.errors import BundleError

TRUST_FOLDER: Final = Path("/etc/vad-edge/trust")
TRUST_VARIABLE: Final = "VAD_EDGE_TRUST"
"""Names another folder of trusted keys."""


def make_key(path: Path) -> Path:
    """Write a new private key to `path`, for its owner alone, and its public key beside it as ``.pub``.

    Returns the public key's path. Raises BundleError where one of them is there already or cannot be written.
    """
    public = path.with_suffix(".pub")
    key = Ed25519PrivateKey.generate()
    private_text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for file, text, mode in ((public, public_text, 0o644), (path, private_text, 0o600)):
        with system_errors_as(BundleError, "cannot be written", file, fix="choose another name"):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(text)
    return public


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in a file that `make_key` wrote. Raises BundleError for anything else."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
        raise _no_key(path, error, "private") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, ValueError("of another kind"), "private")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key in a file that `make_key` wrote. Raises BundleError for anything else."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError) as error:
        raise _no_key(path, error, "public") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path, ValueError("of another kind"), "public")
    return key


def trusted_keys(environment: Mapping[str, str] = os.environ) -> tuple[Ed25519PublicKey, ...]:
    """The keys bundles must be signed by on this machine; none where it takes any bundle.

    Raises BundleError for a file there that is no key: a machine that was told to trust must not forget it.
    """
    folder = Path(environment.get(TRUST_VARIABLE) or TRUST_FOLDER)
    return tuple(read_public_key(path) for path in sorted(folder.glob("*.pub")))


def _no_key(path: Path, error: Exception, kind: str) -> BundleError:
    reason = getattr(error, "strerror", None) or "it is none"
    fix = "give a file that `vad-edge bundle keygen` wrote"
    return BundleError(f"cannot be read as a {kind} key: {reason}", where=str(path), fix=fix)
