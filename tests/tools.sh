#!/usr/bin/env bash
# The tools and servers that tests need and pip cannot bring; installed where this user may, else named.
set -euo pipefail
missing=()
command -v strace > /dev/null || missing+=(strace)
[ -x /usr/sbin/nginx ] && [ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ] || missing+=(nginx-light libnginx-mod-rtmp)
/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")' 2> /dev/null \
  || missing+=(python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
  apt-get update --quiet=2
  DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" > /dev/null
else
  echo "expected ${missing[*]} for the tests, found none; install them: apt-get install ${missing[*]}" >&2
  exit 1
fi
