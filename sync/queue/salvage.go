package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Salvaged says what became of a damaged file.
type Salvaged struct {
	Found    int // items that pass all checks
	Enqueued int
	Known    int // were stored before, under the same id
	Broken   int // look like items and fail a check
}

// Quarantined names the files that were set aside.
func (s *Store) Quarantined() ([]string, error) {
	files, err := os.ReadDir(s.quarantine)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name()
	}
	return names, nil
}

// Salvage enqueues again, as backfill and with their old ids, all items that can
// still be read from a file in quarantine, whatever state its pages are in. Items
// that were delivered before are among them; the receiver recognises them. Their
// order against other items is lost. The file stays; delete it when satisfied.
func (s *Store) Salvage(ctx context.Context, name string) (Salvaged, error) {
	if name != filepath.Base(name) {
		return Salvaged{}, fmt.Errorf("salvage: %w: want a file name without folder", ErrNotFound)
	}
	raw, err := os.ReadFile(filepath.Join(s.quarantine, name))
	if err != nil {
		return Salvaged{}, fmt.Errorf("salvage: %w", err)
	}
	key, err := s.keyIn(raw, name)
	if err != nil {
		return Salvaged{}, fmt.Errorf("salvage %s: %w", name, err)
	}
	var done Salvaged
	found, broken := scanItems(raw, key, 0)
	done.Found, done.Broken = len(found), broken
	for _, it := range found {
		it.Class = Backfill
		r, err := s.Enqueue(ctx, it)
		if err != nil {
			return done, fmt.Errorf("salvage %s after %d items: %w", name, done.Enqueued+done.Known, err)
		}
		if r.Duplicate {
			done.Known++
		} else {
			done.Enqueued++
		}
	}
	return done, nil
}

// keyIn finds a file's header among its bytes and unwraps the key. Damage may
// have hit bbolt's pages, so the header is looked for by its name.
func (s *Store) keyIn(raw []byte, name string) (*sealer, error) {
	class := byte(numClasses)
	if c, _, ok := parseSegmentName(strings.TrimRight(name, ".0123456789")); ok {
		class = byte(c)
	}
	err := fmt.Errorf("%w: no file header", ErrDamaged)
	for at := 0; ; {
		i := bytes.Index(raw[at:], append(slices.Clone(keyHeader), fileVersion))
		if i < 0 {
			return nil, err
		}
		at += i + len(keyHeader)
		// Its length stands in the page; trying the few possible ones is as good.
		for n := headerFixed + 5; n <= min(1024, len(raw)-at); n++ {
			head, headErr := decodeFileHeader(raw[at : at+n])
			if headErr != nil || (class < byte(numClasses) && byte(head.class) != class) {
				continue
			}
			dek, keyErr := s.o.Keys.Unwrap(head.wrapped)
			if keyErr != nil {
				err = fmt.Errorf("%w: %w", ErrKeys, keyErr)
				continue
			}
			return newSealer(s.codec, dek)
		}
	}
}

// scanItems finds the items with a sequence number above after in the bytes of a
// file, in sequence order, each once. Only complete, authentic ones count.
func scanItems(raw []byte, key *sealer, after uint64) (found []Item, broken int) {
	seen := map[uint64]bool{}
	for at := 0; ; {
		i := bytes.Index(raw[at:], []byte(envMagic))
		if i < 0 {
			break
		}
		at += i
		e, n, err := scanEnvelope(raw[at:])
		if err != nil {
			at++
			broken++
			continue
		}
		payload, err := key.open(&e)
		if err != nil {
			at++
			broken++
			continue
		}
		at += n
		if e.Seq <= after || seen[e.Seq] {
			continue
		}
		seen[e.Seq] = true
		found = append(found, Item{
			Seq: e.Seq, ID: e.ID, Lanes: e.Lanes, Class: e.Class, Kind: e.Kind,
			Source: e.Source, Received: e.Received, Payload: payload,
		})
	}
	slices.SortFunc(found, func(a, b Item) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return found, broken
}

// uncover looks for items that bbolt does not show because the meta page of the
// last commit is broken, and stores them again in a new segment. When the commit
// was torn by a power cut they were never acknowledged, which does no harm.
func (s *Store) uncover(g *segment) error {
	raw, err := os.ReadFile(g.path)
	if err != nil {
		return err
	}
	found, _ := scanItems(raw, g.key, g.last)
	s.o.Logger.Warn("queue: a segment's last commit is damaged", "segment", g.name, "recovered", len(found))
	if len(found) == 0 {
		return nil
	}
	s.high = max(s.high, found[len(found)-1].Seq)
	s.committer.next = s.high + 1
	extra, err := prepareSegment(s.dir, g.class, s.o.Keys, s.codec, s.o.SegmentBytes)
	if err != nil {
		return err
	}
	if err := extra.activate(s.committer.next, s.o.SegmentBytes, s.o.now()); err != nil {
		return errors.Join(err, extra.close())
	}
	s.sched.classes[g.class].segs = append(s.sched.classes[g.class].segs, extra)
	reqs := make([]*request, len(found))
	for i := range found {
		it := &found[i]
		env := extra.key.seal(nil, it)
		seq := s.committer.next
		s.committer.next++
		finishEnvelope(env, seq, extra.key)
		reqs[i] = &request{digest: digestID(it.ID), env: env, head: Header{
			Seq: seq, ID: it.ID, Lanes: it.Lanes, Class: it.Class, Kind: it.Kind,
			Source: it.Source, Received: it.Received, Size: len(env),
		}}
	}
	size, err := extra.appendTo(reqs, uint32(len(reqs)))
	if err != nil {
		return err
	}
	s.published(extra, reqs, size, 0)
	s.finishSegment(extra)
	return nil
}
