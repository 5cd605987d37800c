//go:build cgo

package usb

// list returns the entry that lists a device.
func (c Config) list(id identity) (Device, bool) {
	for _, d := range c.Devices {
		// Run has refused patterns that do not parse.
		if p, err := parseMatch(d.Match); err == nil && p.matches(id) {
			return d, true
		}
	}
	return Device{}, false
}

// mayList says whether any entry is for this make, whatever its serial number.
func (c Config) mayList(id product) bool {
	for _, d := range c.Devices {
		if p, err := parseMatch(d.Match); err == nil && p.product == id {
			return true
		}
	}
	return false
}

// decide says what to do with a device of a kind: use it ("starting"), or the state
// it is left in.
func (c Config) decide(kind, id string, listed bool) (State, string) {
	switch {
	case kind == "":
		return StateUnsupported, RemedyKind
	case kind == KindHD100 && c.Read == nil:
		return StateUnsupported, RemedyCards
	case listed, c.Unlisted == Use && kind != KindKeyboard:
		return StateStarting, ""
	case c.Unlisted == Ignore:
		return StateIgnored, RemedyList
	case c.Approved != nil && c.Approved(id):
		return StateStarting, ""
	default:
		return StateWaiting, RemedyApprove
	}
}
