"""The machine's first file system: busybox, kernel modules, this Python and what the resident imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

MODULES = ("virtio_pci", "virtio_blk")
_STAND_IN = "stand-in"
RESIDENT = Path(__file__).with_name("resident.py")

# Run in an interpreter of its own, which has then loaded what the resident loads, and nothing else.
_ASK = """
import encodings.idna, runpy, sys
sys.argv = ["resident", sys.argv[1], "2", "careful"]
runpy.run_path(RESIDENT, run_name="__main__")
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
with open("/proc/self/maps") as maps:
    files |= {line.split(maxsplit=5)[5].strip() for line in maps if len(line.split()) > 5}
print("\\n".join(sorted(file for file in files if file and file.startswith("/"))), file=sys.stderr)
"""

_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod $module; done
/bin/busybox mount -t ext4 /dev/vda /data || echo "sound cannot be mounted"
/bin/busybox stty -F /dev/ttyS0 -opost
exec {environment} {python} {resident} /data 1000000 {manner} > /dev/ttyS0 2>&1
"""


def build(into: Path, kernel: str, *, careless: bool) -> None:
    """Write the archive that a kernel of this name starts from; a careless resident waits for no disk."""
    root = into.with_suffix(".d")
    for folder in ("bin", "proc", "sys", "dev", "data", "tmp"):
        (root / folder).mkdir(parents=True)
    shutil.copy2(_busybox(), root / "bin/busybox")
    modules = [_put(root, path) for path in _modules(kernel)]
    for path in [*_loaded(), Path(sys._base_executable), RESIDENT]:  # type: ignore[attr-defined]
        _put(root, path)
    _stand_in(root)
    environment = {"PYTHONPATH": _paths(Path("/")), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/data"}
    init = root / "init"
    init.write_text(
        _INIT.format(
            modules=" ".join(modules),
            manner="careless" if careless else "careful",
            environment="/bin/busybox env "
            + " ".join(f"{name}={value}" for name, value in environment.items()),
            python=sys._base_executable,  # type: ignore[attr-defined]
            resident=RESIDENT,
        )
    )
    init.chmod(0o755)
    names = "\0".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with into.open("wb") as archive:
        subprocess.run(
            ["cpio", "--null", "--create", "--format=newc", "--quiet"],
            input=names.encode(),
            stdout=archive,
            cwd=root,
            check=True,
        )


def _busybox() -> str:
    found = shutil.which("busybox")
    if found is None:
        raise FileNotFoundError("no busybox: apt install busybox-static")
    return found


def _modules(kernel: str) -> list[Path]:
    """The modules of a virtio disk, each after what it needs."""
    folder = Path("/lib/modules") / kernel
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, needed = line.partition(":")
        needs[Path(name).name.removesuffix(".ko")] = [name, *needed.split()]
    ordered = [path for module in MODULES for path in reversed(needs[module])]
    return [folder / path for path in dict.fromkeys(ordered)]


def _loaded() -> Iterable[Path]:
    """Every file that the resident's interpreter has open or imported."""
    with tempfile.TemporaryDirectory() as scratch:
        _stand_in(Path(scratch))
        code = _ASK.replace("RESIDENT", repr(str(RESIDENT)))
        told = subprocess.run(
            [sys.executable, "-c", code, scratch],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": _paths(Path(scratch))},
        )
    files = [Path(line) for line in told.stderr.splitlines() if line.startswith("/")]
    yield from (path for path in files if path.is_file())
    for path in files:
        if ".so" in path.name:  # under the names it is asked for by, too
            yield from (link for link in path.parent.glob("*.so*") if link.resolve() == path)
    yield from (path.parent / "__init__.py" for path in files if (path.parent / "__init__.py").is_file())
    yield from Path("/lib64").glob("ld-linux-*")


def _stand_in(root: Path) -> None:
    """Nothing is searched in pictures here; without OpenCV the machine starts in a fraction of the time."""
    (root / _STAND_IN).mkdir()
    (root / _STAND_IN / "cv2.py").touch()


def _paths(root: Path) -> str:
    return ":".join([str(root / _STAND_IN), *sys.path[1:]])


def _put(root: Path, path: Path) -> str:
    """Copy a file to where it lies, or what a link of that name points to."""
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy2(path, target)
    return str(path)
