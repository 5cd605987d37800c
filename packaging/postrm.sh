#!/bin/sh
set -e
# Only purge touches data, and it never destroys what was accepted and not yet
# delivered, to the platform or back into the hospital: what there is of a queue or of a
# message's parts is moved aside, with its key, for a person to decide.
if [ "$1" = purge ]; then
	data=/var/lib/cardferry
	if [ -n "$(find "$data/queue" "$data/outbound" "$data/intake/parts" \( -name 'seg-*.db' -o -name '*.part*' \) -print -quit 2>/dev/null)" ]; then
		kept=/var/lib/cardferry.purged-$(date +%Y%m%d%H%M%S)
		mv "$data" "$kept"
		echo "cardferry: the queue may hold undelivered events; kept in $kept" >&2
	else
		rm -rf "$data"
	fi
	rm -rf /etc/cardferry
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
