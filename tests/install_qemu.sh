#!/bin/sh
# Installs what the power cuts take where this user may, and says so where not.
packages="qemu-system-x86 linux-image-cloud-amd64 busybox-static cpio e2fsprogs"
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages && exit 0
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
  sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends $packages && exit 0
fi
echo "QEMU is not installed and could not be; the power cannot be cut without $packages" >&2
exit 1
