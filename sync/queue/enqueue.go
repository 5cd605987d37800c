package queue

import (
	"context"
	"fmt"
	"slices"
)

// Receipt says where an item is stored.
type Receipt struct {
	Seq uint64
	// Duplicate says that an item with this ID was stored before, under Seq, and
	// nothing was stored now.
	Duplicate bool
}

// request is one Enqueue on its way through the committer.
type request struct {
	head   Header
	digest digest
	env    []byte   // sealed under seg's key, not finished
	seg    *segment // nil when the class had no segment yet
	done   chan outcome
}

type outcome struct {
	Receipt
	reseal bool // the class has another segment now
	err    error
}

// maxPooledEnvelope keeps one huge item from holding memory for ever.
const maxPooledEnvelope = 64 << 10

// newRequest returns a request that may have been used before.
func (s *Store) newRequest() *request {
	if r, ok := s.requests.Get().(*request); ok {
		return r
	}
	return &request{done: make(chan outcome, 1)}
}

func (s *Store) recycle(r *request) {
	if cap(r.env) > maxPooledEnvelope {
		r.env = nil
	}
	r.head, r.seg = Header{}, nil
	s.requests.Put(r)
}

// Enqueue stores an item and returns once it is on disk. Many callers share one
// commit; a lone caller never waits for company. It is safe for concurrent use;
// items of one lane keep the order in which their Enqueues returned.
//
// Errors: ErrInvalid (do not retry), ErrFull and ErrSuspect (keep the item, try
// again with the same ID), ErrClosed, or the context's. After the context ended
// the item may still have been stored; the same ID tells.
func (s *Store) Enqueue(ctx context.Context, it Item) (Receipt, error) {
	if err := it.validate(); err != nil {
		return Receipt{}, err
	}
	if it.Received.IsZero() {
		it.Received = s.o.now()
	}
	id := digestID(it.ID)
	if seq, ok := s.ids.lookup(id); ok {
		return Receipt{Seq: seq, Duplicate: true}, nil
	}
	if err := s.space.admit(it.Class); err != nil {
		return Receipt{}, err
	}
	lanes := slices.Clone(it.Lanes)
	for {
		r := s.newRequest()
		r.digest, r.env = id, r.env[:0]
		if r.seg = s.target[it.Class].Load(); r.seg != nil {
			s.sealing <- struct{}{}
			r.env = r.seg.key.seal(r.env, &it)
			<-s.sealing
		}
		r.head = Header{
			ID: it.ID, Lanes: lanes, Class: it.Class, Kind: it.Kind,
			Source: it.Source, Received: it.Received, Size: len(r.env),
		}
		if err := s.submit(ctx, r); err != nil {
			return Receipt{}, err
		}
		select {
		case out := <-r.done:
			s.recycle(r)
			if !out.reseal {
				return out.Receipt, out.err
			}
		case <-ctx.Done():
			return Receipt{}, fmt.Errorf("enqueue: outcome unknown, send the same ID again: %w", context.Cause(ctx))
		}
	}
}

// submit hands a request to the committer.
func (s *Store) submit(ctx context.Context, r *request) error {
	s.inMu.RLock()
	defer s.inMu.RUnlock()
	if s.inClosed {
		return ErrClosed
	}
	select {
	case s.in <- r:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("enqueue: %w", context.Cause(ctx))
	}
}
