package serial

import (
	"context"
	"time"
)

// wait returns when the device node may have changed, but not before least, or after
// most, or when ctx ends.
func (n *nodeWatch) wait(ctx context.Context, least, most time.Duration) {
	if !pause(ctx, least, nil) {
		return
	}
	pause(ctx, most-least, n.changed)
}

// pause waits for d or for wake, and says whether ctx is still going. A nil wake
// never wakes.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-t.C:
	}
	return true
}
