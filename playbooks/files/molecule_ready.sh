#!/bin/sh
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make an image of a distribution ready for Ansible: Python, sudo, bash, ip and certificates, where they are missing. Says what it installed.
set -e
missing=
for program in python3 sudo bash; do
  command -v "$program" > /dev/null 2>&1 || missing="$missing $program"
done
command -v ip > /dev/null 2>&1 || [ -x /sbin/ip ] || [ -x /usr/sbin/ip ] || missing="$missing ip"
if ! ls /etc/ssl/certs/* > /dev/null 2>&1 && ! ls /etc/pki/tls/certs/* > /dev/null 2>&1; then
  missing="$missing ca-certificates"
fi
[ -n "$missing" ] || exit 0
named() { # what a distribution calls them: $1 for Python, $2 for ip
  for one in $missing; do
    case "$one" in
      python3) echo "$1" ;;
      ip) echo "$2" ;;
      *) echo "$one" ;;
    esac
  done
}
if command -v apt-get > /dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update > /dev/null
  # shellcheck disable=SC2046 # words
  apt-get -qq install -y --no-install-recommends $(named "python3 python3-apt" iproute2) > /dev/null
elif command -v apk > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  apk add --quiet --no-cache $(named python3 iproute2)
elif command -v dnf > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  dnf -q -y install $(named "python3 python3-dnf" iproute)
elif command -v microdnf > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  microdnf -y install $(named python3 iproute)
elif command -v yum > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  yum -q -y install $(named python3 iproute)
elif command -v zypper > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  zypper -q -n install $(named "python3 python3-xml" iproute2)
elif command -v pacman > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  pacman -Sy --quiet --noconfirm --needed $(named python iproute2)
elif command -v xbps-install > /dev/null 2>&1; then
  # shellcheck disable=SC2046 # words
  xbps-install -Sy $(named python3 iproute2)
else
  echo "the image lacks$missing, and no package manager that could install it (apt-get, apk, dnf, microdnf, yum, zypper, pacman, xbps-install)" >&2
  exit 1
fi
echo "made ready with:$missing"
