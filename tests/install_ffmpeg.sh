#!/bin/sh
# Installs ffmpeg where this user may, and says so where not.
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends ffmpeg && exit 0
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
  sudo apt-get update -qq && sudo apt-get install -y -qq --no-install-recommends ffmpeg && exit 0
fi
echo "ffmpeg is not installed and could not be; tests that copy video are skipped" >&2
[ "$CI" != true ]
