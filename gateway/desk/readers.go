package desk

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"cardferry/drivers"
)

// ReaderState is a reader and what it is doing.
type ReaderState struct {
	drivers.Reader
	State State     `json:"state"`
	Since time.Time `json:"since"`
	// Read is the id of the read while its card is still in the reader.
	Read string `json:"read,omitempty"`
	// Fault is set while State is StateFault.
	Fault *drivers.Fault `json:"fault,omitempty"`
}

// State is what a reader is doing.
type State string

// The states of a reader.
const (
	StateReady    State = "ready"
	StateReading  State = "reading"
	StateCard     State = "card" // read, and not yet taken away
	StateFault    State = "fault"
	StateDetached State = "detached"
)

// maxReaders bounds the table: names come from the hardware. Beyond it the
// reader that has been detached longest is dropped.
const maxReaders = 256

// readerTable folds events into the present state of each reader. A fault of a
// whole driver has no reader name; it is kept under the driver's name and shown
// until one of the driver's readers works again.
type readerTable struct {
	mu     sync.Mutex
	states map[readerKey]ReaderState
}

type readerKey struct{ driver, name string }

func (t *readerTable) apply(e Event, reader drivers.Reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.states == nil {
		t.states = make(map[readerKey]ReaderState)
	}
	reader.Name = e.Reader
	state := ReaderState{Reader: reader, Since: e.Time}
	switch e.Type {
	case ReaderAttached, CodeRead, CardRemoved:
		state.State = StateReady
	case ReaderDetached:
		state.State = StateDetached
	case CardPresented:
		state.State = StateReading
	case CardRead:
		state.State = StateCard
		state.Read = e.ID
	case ReaderFault:
		state.State = StateFault
		state.Fault = e.Fault
	default:
		return
	}
	key := readerKey{reader.Driver, reader.Name}
	if e.Type != ReaderFault && e.Type != ReaderDetached {
		delete(t.states, readerKey{driver: reader.Driver})
	}
	if _, known := t.states[key]; !known && len(t.states) >= maxReaders && !t.dropDetached() {
		return
	}
	t.states[key] = state
}

// dropDetached makes room by forgetting the reader detached longest.
func (t *readerTable) dropDetached() bool {
	var oldest readerKey
	found := false
	for key, s := range t.states {
		if s.State == StateDetached && (!found || s.Since.Before(t.states[oldest].Since)) {
			oldest, found = key, true
		}
	}
	delete(t.states, oldest)
	return found
}

func (t *readerTable) list() []ReaderState {
	t.mu.Lock()
	defer t.mu.Unlock()
	states := make([]ReaderState, 0, len(t.states))
	for _, s := range t.states {
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b ReaderState) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Driver, b.Driver))
	})
	return states
}
