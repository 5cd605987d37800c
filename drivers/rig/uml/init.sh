#!/bin/bash
# Process 1 of the guest; run.sh starts it. The root is this machine's file system,
# read only: every program has the same path as outside. /dev, /proc, /sys, /run and
# /tmp are the guest's own; the run's folder is writable, for the exit code.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null # the kernel may have done it
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
ln -sf /proc/self/fd /dev/fd
ip link set lo up
dir=$(sed -n 's/.*rundir=\([^ ]*\).*/\1/p' /proc/cmdline)
mkdir -p "$dir" # where it is below /tmp
mount -t hostfs -o "$dir" none "$dir"
# udevd tells pcscd and libusb of devices and makes /dev/serial/by-id. Nothing is
# plugged in yet, so there is nothing to trigger. All rules of a distribution are too
# much here: one CPU, on which they take seconds for a device, so that udevd falls
# behind a test that plugs and unplugs, and its events come ever later.
mkdir -p /run/udev /run/pcscd
cp /usr/lib/udev/rules.d/60-serial.rules /run/udev/
for rules in /usr/lib/udev/rules.d /etc/udev/rules.d; do
	if [ -d "$rules" ]; then mount -t tmpfs rules "$rules"; fi
done
cat >/usr/lib/udev/rules.d/10-usb.rules <<-'EOR'
	ACTION!="remove", SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", IMPORT{builtin}="usb_id"
EOR
mv /run/udev/60-serial.rules /usr/lib/udev/rules.d/
/lib/systemd/systemd-udevd --daemon --resolve-names=never >"$dir/udevd.log" 2>&1
bash "$dir/command" </dev/null
echo $? >"$dir/status"
sync
poweroff -f -d 2>/dev/null
