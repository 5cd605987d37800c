// Package story knows what the events of a reader may say one after the other, whatever
// the driver: tests of cycles hold what they heard against it.
package story

import (
	"fmt"

	"cardferry/drivers"
)

// Check says which event of a reader makes no sense where it stands: a story is attached
// (presented (fault* read | fault*) removed)* detached, and so on, with one read for a
// card at most.
func Check(events []drivers.EventType) error {
	attached, present, read := false, false, false
	for i, e := range events {
		ok := false
		switch e {
		case drivers.Attached:
			ok, attached = !attached, true
		case drivers.Detached:
			ok, attached = attached && !present, false
		case drivers.Presented:
			ok, present, read = attached && !present, true, false
		case drivers.Removed:
			ok, present = present, false
		case drivers.Completed:
			ok, read = present && !read, true
		case drivers.Faulted:
			ok = present && !read
		}
		if !ok {
			return fmt.Errorf("%q makes no sense as event %d of %v", e, i, events[max(0, i-10):i+1])
		}
	}
	return nil
}
