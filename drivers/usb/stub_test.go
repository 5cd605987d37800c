//go:build !cgo

package usb

import (
	"errors"
	"testing"

	"cardferry/drivers"
)

func TestNotBuilt(t *testing.T) {
	if err := New(Config{}).Run(t.Context(), nil); !errors.Is(err, drivers.ErrNotBuilt) {
		t.Errorf("Run: %v, want ErrNotBuilt", err)
	}
}
