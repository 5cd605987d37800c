//go:build !cgo && !windows

package pcsc

import (
	"context"
	"fmt"

	"cardferry/drivers"
)

// Built says whether this build reaches PC/SC.
const Built = false

// Run returns an error that wraps [drivers.ErrNotBuilt]: libpcsclite is reached
// through C only.
func (d *Driver) Run(context.Context, func(drivers.Event)) error {
	return fmt.Errorf("%s: %w", Name, drivers.ErrNotBuilt)
}

// Survey returns the fault [drivers.FaultNotBuilt].
func Survey(context.Context) ([]Surveyed, *drivers.Fault) {
	return nil, &drivers.Fault{Code: drivers.FaultNotBuilt, Detail: drivers.ErrNotBuilt.Error()}
}
