#!/bin/sh
set -e
if [ "$1" = configure ] || [ "$1" = abort-upgrade ]; then
	if command -v systemd-sysusers >/dev/null 2>&1; then
		systemd-sysusers cardferry.conf
	elif ! getent passwd cardferry >/dev/null; then
		adduser --system --group --home /var/lib/cardferry --no-create-home cardferry
	fi
	chown root:cardferry /etc/cardferry /etc/cardferry/cardferry.yaml
	chmod 0750 /etc/cardferry
	chmod 0640 /etc/cardferry/cardferry.yaml
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
		udevadm control --reload 2>/dev/null || true
		if [ -z "$2" ]; then
			systemctl enable --quiet cardferry.service
			systemctl start cardferry.service ||
				echo "cardferry does not start yet; see: cardferry config check, journalctl -u cardferry" >&2
		elif systemctl is-active --quiet cardferry.service; then
			# Keep the old daemon rather than stop on a configuration the new one refuses.
			if cardferry config check >/dev/null 2>&1; then
				systemctl restart cardferry.service
			else
				echo "cardferry keeps the old version running: the new one refuses the configuration; see: cardferry config check" >&2
			fi
		fi
	else
		deb-systemd-helper enable cardferry.service >/dev/null 2>&1 || true
	fi
fi
