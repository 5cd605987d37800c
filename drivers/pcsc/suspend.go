package pcsc

import "time"

// moment is a point in time on two clocks: the wall clock goes on while the machine is
// suspended, the monotonic one does not (Linux) or does (Windows).
type moment struct {
	wall time.Time     // without monotonic reading
	mono time.Duration // since some moment
}

var processStart = time.Now()

func now() moment {
	t := time.Now()
	return moment{wall: t.Round(0), mono: t.Sub(processStart)}
}

// suspendedFor is how much longer than a wait its wall clock time must be to mean that
// the machine slept. Less does no harm to a PC/SC context; more without sleep (a clock
// that is set) costs a new context, which nobody notices.
const suspendedFor = 5 * time.Second

// suspended says whether the machine slept during a wait of at most timeout.
func suspended(began, ended moment, timeout time.Duration) bool {
	wall := ended.wall.Sub(began.wall)
	return wall-(ended.mono-began.mono) > suspendedFor || wall > timeout+suspendedFor
}
