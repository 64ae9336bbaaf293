#!/bin/sh
# Installs those of the named Debian packages that are missing.
set -eu
missing=""
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
if [ "$(id -u)" = 0 ]; then sudo=""; elif command -v sudo >/dev/null; then sudo="sudo"; else
    echo "These Debian packages are missing:$missing. Install them as root: apt-get install$missing" >&2
    exit 1
fi
# Mirrors fail at times, and another installation may be under way.
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300"
for try in 1 2 3 4 5; do
    if $apt update && $apt install -y --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
    echo "try $try of 5 failed" >&2
    sleep $((try * 5))
done
exit 1
