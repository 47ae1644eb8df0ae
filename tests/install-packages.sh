#!/bin/sh
# The tests need Chromium, a Korean font, PostgreSQL, Redis and curl; the slow ones (`install-packages.sh slow`) also
# Node.js and npm, for PortOne clients written in it. Installs Debian's packages where it may, else says what to install.
# No service is left running: the tests start their own.
set -eu

missing=""
[ -x /usr/bin/chromium ] || missing="$missing chromium"
fc-list :lang=ko family 2>/dev/null | grep -q . || missing="$missing fonts-noto-cjk"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v curl >/dev/null || missing="$missing curl"
if [ "${1:-}" = slow ]; then
    command -v node >/dev/null || missing="$missing nodejs"
    command -v npm >/dev/null || missing="$missing npm"
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing fontconfig >/dev/null
    exit 0
fi

echo "The tests need these packages, and this account may not install them:$missing" >&2
echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
exit 1
