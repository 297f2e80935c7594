#!/bin/sh
# Installs the OpenSSH server for the tests that need a real one; no service is started.
install() {
  policy=/usr/sbin/policy-rc.d
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=yes; }
  apt-get update -qq && apt-get install -y -qq --no-install-recommends openssh-server
  code=$?
  [ -z "$made" ] || rm -f $policy
  return $code
}
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  install && exit 0
elif command -v apt-get >/dev/null && sudo -n true 2>/dev/null; then
  sudo sh "$0" && exit 0
fi
echo "the OpenSSH server is not installed and could not be; tests that need a real one are skipped" >&2
[ "$CI" != true ]
