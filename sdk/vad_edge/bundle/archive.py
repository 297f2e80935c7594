"""The bundle file: written whole, read only after everything in it was verified."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from numpy.typing import NDArray
from pydantic import ValidationError

from vad_edge.bundle.container import MAX_BYTES, ContainerError, pack_members, unpack_members
from vad_edge.bundle.keys import trusted_keys
from vad_edge.bundle.manifest import SCHEMA_VERSION, Graph, Manifest, Precision
from vad_edge.bundle.signature import SIGNATURE, sign, signature_holds
from vad_edge.common.explain import first_problem, system_errors_as
from vad_edge.common.files import write_atomically
from vad_edge.errors import BundleError

MANIFEST: Final = "manifest.json"
_FETCH_AGAIN: Final = "fetch or export the bundle again"
# A CPU computes nothing in half precision: there it costs time and gains none.
_FASTEST_FIRST: Final[Mapping[str, tuple[Precision, ...]]] = {
    "onnxruntime": ("int8", "fp32", "fp16"),
    "tensorrt": ("int8", "fp16", "fp32"),
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle; its members are held in memory, so what was verified is what gets used.

    sha256 is that of the file. signed is true only when a trusted key's signature was verified.
    """

    path: Path
    manifest: Manifest
    sha256: str
    signed: bool
    _members: Mapping[str, bytes] = field(repr=False)

    def member(self, name: str) -> bytes:
        """The bytes of one member. Raises BundleError for a name the bundle does not have."""
        try:
            return self._members[name]
        except KeyError:
            raise BundleError(
                f"there is no member {name!r}", where=str(self.path), fix=_FETCH_AGAIN
            ) from None

    def graph(
        self, precision: Precision | None = None, backend: Literal["onnxruntime", "tensorrt"] = "onnxruntime"
    ) -> Graph:
        """The graph for this backend at this precision, or at the fastest precision there is.

        Raises BundleError, naming what there is, where none fits.
        """
        fitting = {
            graph.precision: graph
            for graph in reversed(self.manifest.graphs)
            if graph.backend in (backend, "any")
        }
        for candidate in _FASTEST_FIRST[backend] if precision is None else (precision,):
            if candidate in fitting:
                return fitting[candidate]
        there = ", ".join(f"{graph.precision} for {graph.backend}" for graph in self.manifest.graphs)
        wanted = f"{precision} graph" if precision else "graph"
        raise BundleError(f"it has no {wanted} for {backend}, only {there}", where=str(self.path))

    def graph_of(self, sha256: str) -> Graph | None:
        """The graph whose member has that hash, as a camera pack names it."""
        members = self.manifest.members
        return next((graph for graph in self.manifest.graphs if members[graph.member] == sha256), None)

    def at_rate(self, fps: float) -> Bundle:
        """The same bundle, its model run at another rate: only for a camera that is calibrated at it.

        The graphs' own calibrations are left out, for they were made at the model's own rate.
        """
        clock = self.manifest.clock.model_copy(update={"fps": fps})
        graphs = tuple(graph.model_copy(update={"calibration": None}) for graph in self.manifest.graphs)
        return replace(self, manifest=self.manifest.model_copy(update={"clock": clock, "graphs": graphs}))

    def initial_state(self, name: str) -> NDArray[Any]:
        """The trained initial value of one state, without the batch axis; zeros where none is stored.

        Raises BundleError for an unknown state, or a stored value that is not of its shape and type.
        """
        state = next((state for state in self.manifest.states if state.name == name), None)
        if state is None:
            raise BundleError(f"the model has no state {name!r}", where=str(self.path))
        if state.initial is None:
            return np.zeros(state.shape, state.dtype)
        where = f"{self.path}: {state.initial}"
        try:
            value: NDArray[Any] = np.load(io.BytesIO(self.member(state.initial)), allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise BundleError(f"it is no array: {error}", where=where, fix=_FETCH_AGAIN) from error
        if value.shape != state.shape or value.dtype != np.dtype(state.dtype):
            found = f"{value.dtype} {value.shape}"
            raise BundleError(
                f"it holds {found}, not {state.dtype} {state.shape}", where=where, fix=_FETCH_AGAIN
            )
        return value

    def describe(self) -> dict[str, Any]:
        """What `vad-edge bundle show` shows: plain data, ready for JSON."""
        manifest = self.manifest.model_dump(mode="json", exclude={"members"})
        for graph in manifest["graphs"]:
            graph["bytes"] = len(self._members[graph["member"]])
            graph["sha256"] = self.manifest.members[graph["member"]]
            for part in ("cues", "total"):
                (graph["calibration"] or {}).pop(part, None)
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "signed": self.signed,
            "bytes": sum(len(data) for data in self._members.values()),
            **manifest,
        }


def write_bundle(
    path: Path,
    manifest: Manifest,
    members: Mapping[str, bytes],
    *,
    signing_key: Ed25519PrivateKey | None = None,
) -> None:
    """Write a bundle of `members`; `manifest.members` is filled in here.

    The same content gives the same bytes. A crash leaves the old file or the new one. Raises BundleError
    where the manifest does not fit the members, or the file cannot be written.
    """
    hashes = {name: _sha256(members[name]) for name in sorted(members)}
    try:
        complete = Manifest.model_validate({**manifest.model_dump(), "members": hashes})
    except ValidationError as error:
        raise BundleError(first_problem(error, whole="manifest"), where=f"{path}: {MANIFEST}") from error
    _check_members(complete, hashes, path)
    text = complete.model_dump_json(indent=2).encode()
    contents = {MANIFEST: text, **{name: members[name] for name in hashes}}
    if signing_key is not None:
        contents[SIGNATURE] = sign({MANIFEST: _sha256(text), **hashes}, signing_key)
    with system_errors_as(BundleError, "cannot be written", path, fix="choose another place"):
        write_atomically(path, pack_members(contents))


def load_bundle(bundle: Bundle | Path | str) -> Bundle:
    """The verified bundle in a file; one that is loaded already is given back. Raises BundleError."""
    return bundle if isinstance(bundle, Bundle) else read_bundle(Path(bundle))


def sign_bundle(source: Path, target: Path, key: Ed25519PrivateKey) -> None:
    """Write the bundle at `source` to `target`, signed; a signature it has is replaced.

    Raises BundleError where it is no whole bundle, or cannot be written.
    """
    bundle = read_bundle(source, trusted=())
    write_bundle(target, bundle.manifest, bundle._members, signing_key=key)


def read_bundle(path: Path, *, trusted: Sequence[Ed25519PublicKey] | None = None) -> Bundle:
    """Read and verify a bundle; where there are `trusted` keys, one of them must have signed it.

    Without any given, the keys this machine trusts count, if it has any.

    Raises BundleError, before anything is loaded, for a file that is not a whole and untouched bundle
    this version knows.
    """
    trusted = trusted_keys() if trusted is None else trusted
    data = _read(path)
    try:
        contents = unpack_members(data)
    except ContainerError as error:
        raise BundleError(str(error), where=str(path), fix=_FETCH_AGAIN) from error
    if MANIFEST not in contents:
        raise BundleError(f"it has no {MANIFEST}, so it is no bundle", where=str(path), fix=_FETCH_AGAIN)
    text = contents.pop(MANIFEST)
    fields = _known_version(text, path)
    signature = contents.pop(SIGNATURE, None)
    hashes = {name: _sha256(member) for name, member in contents.items()}
    verdict = signature_holds(signature, {MANIFEST: _sha256(text), **hashes}, trusted)
    if not verdict.ok:
        raise BundleError(verdict.reason, where=str(path), fix=verdict.fix)
    try:
        manifest = Manifest.model_validate(fields)
    except ValidationError as error:
        raise BundleError(
            first_problem(error, whole="manifest"), where=f"{path}: {MANIFEST}", fix=_FETCH_AGAIN
        ) from error
    _check_members(manifest, hashes, path)
    return Bundle(path, manifest, _sha256(data), signature is not None and bool(trusted), contents)


def _read(path: Path) -> bytes:
    with system_errors_as(BundleError, "cannot be read", path, fix="give a .vadb file"):
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BundleError(f"{size} bytes are more than a bundle may have ({MAX_BYTES})", where=str(path))
        return path.read_bytes()


def _known_version(text: bytes, path: Path) -> dict[str, Any]:
    """The manifest's fields. The version is looked at first: another one may mean anything by the rest."""
    where = f"{path}: {MANIFEST}"
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"it is not JSON: {error}", where=where, fix=_FETCH_AGAIN) from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if type(version) is not int or version < 1:
        raise BundleError("it names no schema_version", where=where, fix=_FETCH_AGAIN)
    if version > SCHEMA_VERSION:
        what = f"made by a newer vad-edge: its schema is {version}, this one knows {SCHEMA_VERSION}"
        raise BundleError(what, where=where, fix="update vad-edge on this machine")
    return dict(fields)


def _check_members(manifest: Manifest, hashes: Mapping[str, str], path: Path) -> None:
    needed = [graph.member for graph in manifest.graphs]
    needed += [state.initial for state in manifest.states if state.initial is not None]
    for name in (*manifest.members, *needed):
        if name not in hashes:
            raise BundleError(f"member {name!r} is missing", where=str(path), fix=_FETCH_AGAIN)
    for name, digest in hashes.items():
        if name in (MANIFEST, SIGNATURE) or name not in manifest.members:
            raise BundleError(f"member {name!r} is not in the manifest", where=str(path), fix=_FETCH_AGAIN)
        if manifest.members[name] != digest:
            raise BundleError(
                f"member {name!r} is not what the manifest says", where=str(path), fix=_FETCH_AGAIN
            )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
