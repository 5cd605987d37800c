package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// Store is an open queue. All methods are safe for concurrent use.
type Store struct {
	dir, quarantine string

	o      Options
	lock   *os.File
	codec  *codec
	meta   *bbolt.DB
	dead   *dead
	ids    *dedupe
	space  *space
	health *health
	open   handles

	requests sync.Pool     // of *request
	sealing  chan struct{} // leaves the committer a processor while many callers seal
	in       chan *request
	inMu     sync.RWMutex // held for reading while sending on in
	inClosed bool
	target   [numClasses]atomic.Pointer[segment] // where callers seal for
	keep     chan keepJob

	mu       sync.Mutex
	ready    *sync.Cond // an item became deliverable, or the store closed
	closed   bool
	sched    *schedule
	prepared [numClasses]*segment
	high     uint64 // highest sequence number ever assigned, as far as published
	parked   map[uint64]bool
	gaps     map[Lane]Gap
	commits  commitStats
	acks     ackQueue

	loaderWake, ackWake chan struct{}
	committer           *committer
	stopLoader, stopAck chan struct{}
	committing, keeping sync.WaitGroup
	loading, acking     sync.WaitGroup
	closeOnce           sync.Once
	closeErr            error
}

// Open opens the store in dir, which it creates if need be. Opening takes a
// fraction of a second also with millions of items waiting. A damaged file is
// moved to the quarantine folder, logged and shown in Stat, and the store starts
// without it. Errors: ErrLocked, ErrKeys, or the file system's.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if o.Keys == nil {
		return nil, errors.New("open queue: no keyring given")
	}
	s := &Store{
		dir: dir, quarantine: filepath.Join(dir, "quarantine"), o: o,
		ids: newDedupe(), sealing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), health: newHealth(),
		in: make(chan *request, 1024), keep: make(chan keepJob, 16),
		parked: map[uint64]bool{}, gaps: map[Lane]Gap{},
		loaderWake: make(chan struct{}, 1), ackWake: make(chan struct{}, 1),
		stopLoader: make(chan struct{}), stopAck: make(chan struct{}),
	}
	s.ready = sync.NewCond(&s.mu)
	s.sched = newSchedule(o.Window, func(int) { s.ready.Signal() })
	s.acks.gaps = map[Lane]bool{}
	s.committer = &committer{s: s}
	s.space = newSpace(dir, o, s.health)
	if err := s.start(); err != nil {
		s.release()
		return nil, fmt.Errorf("open queue: %w", err)
	}
	s.committing.Go(s.committer.run)
	s.keeping.Go(s.keeper)
	s.loading.Go(s.loader)
	s.acking.Go(s.acker)
	poke(s.loaderWake)
	poke(s.ackWake)
	return s, nil
}

// release closes files in whatever state Open or Close left them.
func (s *Store) release() {
	s.open.closeAll()
	for i := range s.sched.classes {
		for _, g := range s.sched.classes[i].segs {
			_ = g.close() // finished, or open for reading only
		}
	}
	for _, db := range []*bbolt.DB{s.meta, s.deadDB()} {
		if db != nil {
			s.closeErr = errors.Join(s.closeErr, db.Close())
		}
	}
	if s.codec != nil {
		s.codec.close()
	}
	if s.lock != nil {
		s.closeErr = errors.Join(s.closeErr, s.lock.Close())
	}
}

func (s *Store) deadDB() *bbolt.DB {
	if s.dead == nil {
		return nil
	}
	return s.dead.db
}

// Close ends the store: what was enqueued is committed, what was done is
// recorded. Blocked Next and later Enqueue calls return ErrClosed. Items claimed
// and not done are handed out again by the next Open.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.inMu.Lock()
		s.inClosed = true
		close(s.in)
		s.inMu.Unlock()
		s.mu.Lock()
		s.closed = true
		s.ready.Broadcast()
		s.mu.Unlock()
		s.committing.Wait()
		close(s.keep)
		s.keeping.Wait()
		close(s.stopLoader)
		s.loading.Wait()
		for class := range numClasses {
			if g := s.committer.active[class]; g != nil {
				s.finishSegment(g)
			}
			if g := s.takePrepared(class); g != nil {
				_ = g.remove() // it holds nothing
			}
		}
		close(s.stopAck)
		s.acking.Wait()
		s.release()
	})
	return s.closeErr
}
