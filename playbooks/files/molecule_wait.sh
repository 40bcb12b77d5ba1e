#!/bin/sh
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Wait until systemd is up, where it is process 1: whatever the platform says about it, the image's own command may be systemd.
case "$(readlink /proc/1/exe)" in
  */systemd) ;;
  *) exit 0 ;;
esac
seconds=0
while [ "$seconds" -lt 120 ]; do
  case "$(systemctl is-system-running 2> /dev/null)" in
    running | degraded) exit 0 ;;
  esac
  sleep 1
  seconds=$((seconds + 1))
done
