#!/bin/sh
# enter.sh DIR [ARGUMENT ...] - becomes pcscd, inside a mount namespace of its
# own: the socket and the pid file have fixed places below /run/pcscd, which is
# DIR/run here and nowhere else. Without privileges /run cannot be written to;
# then all of /run is a fresh one.
set -eu
dir=$1
shift
mkdir -p /run/pcscd 2>/dev/null || {
	mount -t tmpfs tmpfs /run
	mkdir -p /run/pcscd
}
mount --bind "$dir/run" /run/pcscd
LD_PRELOAD="$dir/bindlo.so" exec pcscd --foreground --config "$dir/conf" "$@"
