#!/usr/bin/env bash
# Make sure that Debian packages are installed. With no argument: what the tests of the dock need,
# a virtual display and the libraries that the Qt wheels load but do not bring.
#
#   tools/system-deps.sh [PACKAGE...]
#
# Installs what is missing as root or with a passwordless sudo; else prints the command and exits 1.
set -euo pipefail

if (($# == 0)); then
    set -- xvfb xauth libgl1 libegl1 libopengl0 libxkbcommon-x11-0 libdbus-1-3 \
        libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 \
        libxcb-xinerama0 libxcb-shape0 libxcb-cursor0
fi

if ! command -v dpkg-query >/dev/null; then
    echo "system-deps: not a Debian system, nothing checked. Needed, under the names they have here: $*" >&2
    exit 0
fi

# dpkg-query exits 1 where it does not know a package, and still lists the others.
installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
missing=()
for package in "$@"; do
    grep -qxF "$package installed" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if ((EUID == 0)); then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    {
        echo "system-deps: missing ${missing[*]}. Run this once:"
        echo "  sudo apt-get update && sudo ${install[*]}"
    } >&2
    exit 1
fi

echo "system-deps: installing ${missing[*]}"
# `env` because sudo drops the variable; the lock is waited for because boot-time updates hold it.
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@"; }
apt apt-get -o DPkg::Lock::Timeout=120 update -qq
apt "${install[@]}" -o DPkg::Lock::Timeout=120 -qq </dev/null
