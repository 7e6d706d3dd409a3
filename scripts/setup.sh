#!/usr/bin/env bash
# Installs what is needed to build and run, by Debian's names; with --test also what the tests need.
# Packages that are there already are left alone. Needs root, or sudo.
# Usage: scripts/setup.sh [--test]
set -euo pipefail

packages=(build-essential cmake ninja-build pkg-config libstb-dev libcjson-dev libexpat1-dev zlib1g-dev libturbojpeg0-dev)
# Check: unit tests. clang with its OpenMP and sanitizers: the second compiler. libpng: the judge of our PNG decoding.
# chromium: opens the report that evaluation writes. locales: numbers are read alike where a decimal is written with a comma.
test_packages=(check clang libomp-dev libclang-rt-dev libpng-dev chromium locales)

case "${1:-}" in
  "") ;;
  --test) packages+=("${test_packages[@]}") ;;
  *) echo "usage: scripts/setup.sh [--test]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system. Install the equivalents of: ${packages[*]}"
  exit 0
fi

is_installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed'; }

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#packages[@]} packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]} ..."
log=$(mktemp)
apt() {
  if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >>"$log" 2>&1; then return; fi
  tail -n 12 "$log" >&2
  echo "setup: 'apt-get $1' failed; its last lines are above, all of them in $log" >&2
  exit 1
}
apt update
apt install -y --no-install-recommends "${missing[@]}"
rm -f "$log"
echo "setup: done after $SECONDS s"
