#!/usr/bin/env bash
# Installs the Debian programs that the tests talk to, when they are missing. Starts no service.
set -euo pipefail

# Debian keeps some programs where an ordinary user's PATH does not look.
PATH="$PATH:/usr/sbin:/sbin"

# The peers in Python run in Debian's own, whatever else stands earlier in PATH.
has_module() {
  /usr/bin/python3 -c "import $1" 2>/dev/null
}

missing() {
  command -v openssl >/dev/null || echo openssl
  command -v mosquitto >/dev/null || echo mosquitto
  command -v mosquitto_pub >/dev/null && command -v mosquitto_sub >/dev/null || echo mosquitto-clients
  command -v nats-server >/dev/null || echo nats-server
  [ -x /usr/bin/python3 ] || echo python3
  has_module cbor2 || echo python3-cbor2
  has_module cryptography || echo python3-cryptography
  command -v gcc >/dev/null || echo gcc
  [ -e /usr/include/stdio.h ] || echo libc6-dev
  command -v strace >/dev/null || echo strace
  command -v mkfs.ext4 >/dev/null || echo e2fsprogs
  command -v losetup >/dev/null || echo mount
  command -v systemd-analyze >/dev/null || echo systemd
}

mapfile -t packages < <(missing)
if [ "${#packages[@]}" -eq 0 ]; then exit 0; fi

if ! command -v apt-get >/dev/null; then
  echo "The tests need these programs; install them and run again: ${packages[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "The tests need some Debian packages. Type this, then run again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}" >&2
  exit 1
fi

# Exit code 101 of this file tells package scripts to start nothing (Debian Policy, section 9.3.3).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

echo "installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null
apt-get -qq -y install --no-install-recommends "${packages[@]}" >/dev/null
# Only what was not here before: it must not come up with the next boot either.
for service in mosquitto nats-server; do
  if [[ " ${packages[*]} " == *" $service "* ]] && command -v systemctl >/dev/null; then
    systemctl --quiet disable "$service.service" 2>/dev/null || true
  fi
done

mapfile -t packages < <(missing)
if [ "${#packages[@]}" -ne 0 ]; then
  echo "still missing after installation: ${packages[*]}" >&2
  exit 1
fi
