#!/bin/sh
# Installs the mail programs that test/slow/programs drives, the Tor of test/slow/tor and the compiler of test/slow/power-cut, from Debian's packages, where they are absent.
set -eu
packages="aerc age alpine curl dovecot-imapd dovecot-lmtpd evolution-data-server fetchmail gcc gir1.2-camel-1.2 glib-networking gnupg gsasl isync libc6-dev
  libio-socket-ssl-perl libmail-imapclient-perl libnss3-tools iproute2 libsasl2-modules msmtp mutt neomutt offlineimap3 openssl perl postfix python3 python3-gi
  thunderbird tmux tor xvfb"

missing=
for package in $packages; do
  case $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true) in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "not installed:$missing; run this script as root, or: apt-get install$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # one word for each package
timeout 120 apt-get -o DPkg::Lock::Timeout=60 update
timeout 900 apt-get -o DPkg::Lock::Timeout=60 install --yes --no-install-recommends $missing
