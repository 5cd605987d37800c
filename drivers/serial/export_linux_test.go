package serial

// NewAt returns a driver that finds USB devices below tty, a stand-in for
// /sys/class/tty, and their nodes in dev.
func NewAt(cfg Config, tty, dev string) *Driver {
	d := New(cfg)
	d.root = root{tty: tty, dev: dev}
	return d
}
