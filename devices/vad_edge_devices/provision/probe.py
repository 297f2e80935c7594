"""What a board is now: one script that only looks, and its answer as plain data."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vad_edge_devices.detect import l4t_release, module_of

# Called as: sh -s PREFIX RELEASE. Prints one fact a line, name and value apart by a tab.
SCRIPT: Final = r"""
prefix=$1 release=$2
fact() { printf '%s\t%s\n' "$1" "$2"; }
root=${VAD_EDGE_ROOT:-}
fact system "$(uname -s)"
fact machine "$(uname -m)"
fact python "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)"
fact glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* 2\.//')"
fact l4t "$(head -n 1 "$root/etc/nv_tegra_release" 2>/dev/null)"
fact compatible "$(tr '\000' ' ' <"$root/proc/device-tree/compatible" 2>/dev/null)"
if [ "$(id -u)" = 0 ]; then fact rights root; elif sudo -n true 2>/dev/null; then fact rights sudo; fi
[ -d "$root/run/systemd/system" ] && fact systemd yes
existing=$prefix
while [ ! -d "$existing" ]; do existing=$(dirname "$existing"); done
fact free "$(df -Pk "$existing" | awk 'NR == 2 { print $4 }')"
for name in current previous; do
  [ -L "$prefix/$name" ] && fact "$name" "$(readlink "$prefix/$name")"
done
[ -e "$prefix/$release/.complete" ] && fact complete yes
[ -f "$prefix/current/site.toml" ] && fact site "$(base64 <"$prefix/current/site.toml" | tr -d '\n')"
[ -f "$prefix/current/release.json" ] && fact record "$(base64 <"$prefix/current/release.json" | tr -d '\n')"
for key in "$root"/etc/vad-edge/trust/*.pub; do
  [ -f "$key" ] && fact trust "$(sha256sum "$key" | cut -c1-64)"
done
if [ -d "$prefix/$release" ]; then
  cd "$prefix/$release" && find . -path ./venv -prune -o -type f -exec sha256sum {} + |
    sed 's/^\([0-9a-f]*\)  \.\//file\t\1 /'
fi
exit 0
"""


@dataclass(frozen=True, slots=True)
class BoardState:
    """A board as it is.

    python is ``3.10``, empty where there is none; glibc the x of 2.x, 0 where unknown; module and sku are
    empty on a machine that is no Jetson. rights is ``root``, ``sudo`` or empty. current and previous are
    release folders below the prefix. files holds the sha256 of what lies in the folder of the release that
    was asked about, complete says that its packages are installed. trust are the sha256 of trusted keys.
    """

    system: str = ""
    machine: str = ""
    python: str = ""
    glibc: int = 0
    l4t: str = ""
    module: str = ""
    sku: str = ""
    rights: str = ""
    systemd: bool = False
    free_bytes: int = 0
    current: str = ""
    previous: str = ""
    complete: bool = False
    site: bytes = b""
    record: bytes = b""
    trust: frozenset[str] = frozenset()
    files: Mapping[str, str] | None = None


def read_state(text: str) -> BoardState:
    """The state in what `SCRIPT` printed; lines that are none of ours are left out."""
    facts: dict[str, str] = {}
    trust: set[str] = set()
    files: dict[str, str] = {}
    for line in text.splitlines():
        name, tab, value = line.partition("\t")
        if name == "file":
            digest, _, path = value.partition(" ")
            files[path] = digest
        elif name == "trust":
            trust.add(value)
        elif tab:
            facts[name] = value.strip()
    module, sku = module_of(facts.get("compatible", "").split())
    return BoardState(
        system=facts.get("system", ""),
        machine=facts.get("machine", ""),
        python=facts.get("python", ""),
        glibc=_number(facts.get("glibc", "")),
        l4t=l4t_release(facts.get("l4t", "")),
        module=module,
        sku=sku,
        rights=facts.get("rights", ""),
        systemd="systemd" in facts,
        free_bytes=_number(facts.get("free", "")) * 1024,
        current=facts.get("current", ""),
        previous=facts.get("previous", ""),
        complete="complete" in facts,
        site=_decoded(facts.get("site", "")),
        record=_decoded(facts.get("record", "")),
        trust=frozenset(trust),
        files=files,
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
