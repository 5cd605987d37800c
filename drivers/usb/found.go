//go:build cgo

package usb

// note keeps what Found tells.
func (d *Driver) note(f Found) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[f.ID] = f
}

func (d *Driver) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.found, id)
}

// setState changes the state of a device that is known.
func (d *Driver) setState(id string, s State, remedy string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f, ok := d.found[id]; ok {
		f.State, f.Remedy = s, remedy
		d.found[id] = f
	}
}
