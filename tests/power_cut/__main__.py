"""Cuts the power of a machine that commits events, again and again, and counts what is lost.

python -m tests.power_cut --cuts 100. Needs Linux with QEMU, cpio, mke2fs, busybox and a
kernel in /boot.
"""

from __future__ import annotations

import queue
import random
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import click
from tests.power_cut.disk import ForgetfulDisk
from tests.power_cut.guest import build
from tests.power_cut.ledger import Ledger
from tests.power_cut.machine import Machine

DISK_MIB = 256
BOOT_S = 300.0
LONGEST_S = 4.0


@click.command()
@click.option("--cuts", default=100, show_default=True, help="How often.")
@click.option("--minutes", default=60.0, show_default=True, help="Begin no further cut after so long.")
@click.option("--seed", default=7, show_default=True)
@click.option("--accel", default="tcg", show_default=True, help="kvm is far faster, where it works.")
@click.option("--careless", is_flag=True, help="Commit without waiting for the disk: must lose events.")
def main(cuts: int, minutes: float, seed: int, accel: str, careless: bool) -> None:
    """Cut the power, look what is left, go on."""
    kernel = max(Path("/boot").glob("vmlinuz-*"), default=None)
    if kernel is None:
        raise click.ClickException("no kernel in /boot: apt install linux-image-cloud-amd64")
    chance, ledger, began_s = random.Random(seed), Ledger(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        initramfs, socket = Path(name) / "initramfs", Path(name) / "disk.socket"
        build(initramfs, kernel.name.removeprefix("vmlinuz-"), careless=careless)
        disk = ForgetfulDisk(_formatted(Path(name) / "blank"), socket)
        for cut in count():
            disk.power_on()
            machine = Machine(kernel, initramfs, socket, accel)
            try:
                _until_ready(machine, ledger)
                ledger.judge()
                over = cut >= cuts or time.monotonic() - began_s > 60 * minutes or bool(ledger.faults)
                if not over:
                    time.sleep(chance.uniform(0.0, LONGEST_S))
            finally:
                disk.cut(chance)
                rest = machine.kill()
            if over:
                break
            for line in rest:
                ledger.hear(line)
            click.echo(f"cut {cut + 1}: {len(ledger.kept):,} events said to be committed", err=True)
        disk.close()
    click.echo(
        f"{cut} cuts in {time.monotonic() - began_s:.0f} s; {len(ledger.tried):,} events tried,"
        f" {len(ledger.kept):,} said to be committed, {len(ledger.found):,} found in the end;"
        f" {len(ledger.filed):,} files of evidence said to be kept, {len(ledger.files):,} found whole;"
        f" {disk.flushes:,} flushes, {disk.forgotten:,} sectors forgotten"
    )
    for fault in ledger.faults:
        click.echo(fault, err=True)
    sys.exit(bool(ledger.faults))


def _until_ready(machine: Machine, ledger: Ledger) -> None:
    """Hear what the machine found, up to its first commit."""
    ledger.start()
    deadline_s = time.monotonic() + BOOT_S
    while (left_s := deadline_s - time.monotonic()) > 0:
        try:
            line = machine.line(left_s)
        except queue.Empty:
            break
        if line is None:
            raise click.ClickException(f"the machine went off by itself; it said {ledger.faults[-3:]}")
        ledger.hear(line)
        if line == "ready":
            return
    raise click.ClickException(f"the machine was not ready within {BOOT_S:g} s; it said {ledger.faults[-3:]}")


def _formatted(path: Path) -> bytes:
    with path.open("wb") as blank:
        blank.truncate(DISK_MIB * 2**20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", str(path)], check=True)
    return path.read_bytes()


if __name__ == "__main__":
    main()
