//go:build !cgo

package usb

import (
	"context"
	"fmt"

	"cardferry/drivers"
)

// Built says whether this build reaches USB devices.
const Built = false

// Run returns an error that wraps [drivers.ErrNotBuilt]: libusb is reached through C
// only.
func (d *Driver) Run(context.Context, func(drivers.Event)) error {
	return fmt.Errorf("%s: %w", Name, drivers.ErrNotBuilt)
}
