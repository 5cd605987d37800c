package queue

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// The buckets of a segment. The sequence of bucketItems counts its items; bbolt
// rewrites it with every commit anyway.
var (
	bucketHeader = []byte("h") // "header" and a spare -> fileHeader, later "footer" -> footer
	bucketItems  = []byte("q") // sequence number, 8 bytes big-endian -> envelope
	keyHeader    = []byte("header")
	keySpare     = []byte("spare header") // without the key in it all items would be lost
	keyFooter    = []byte("footer")
)

// segment is one file of items of one class. The file handle has its own lock;
// the fields above it belong to Store.mu once the segment is listed.
type segment struct {
	class   Class
	id      [16]byte
	name    string // file name; empty while prepared
	key     *sealer
	created time.Time

	first   uint64 // no item has a lower sequence number
	last    uint64 // highest committed; first-1 when empty
	count   uint32
	bytes   int64 // sum of envelope sizes
	size    int64 // file bytes in use
	lanes   laneIndex
	acks    ackSet
	dirty   bool // acks changed since they were written
	sealed  bool // takes no more items, may be unlinked
	footRow bool // its footer must go to meta.db: it has none of its own
	lost    bool // set aside

	hmu      sync.RWMutex
	path     string
	db       *bbolt.DB // nil when closed; view opens it for reading
	writable bool
	gone     bool // unlinked or set aside
}

func (g *segment) pending() int { return int(g.count - g.acks.n) }

// pendingBytes estimates the size of what is not done.
func (g *segment) pendingBytes() int64 {
	if g.count == 0 {
		return 0
	}
	return g.bytes * int64(g.pending()) / int64(g.count)
}

func segmentName(c Class, first uint64) string { return fmt.Sprintf("seg-%s-%020d.db", c, first) }

// parseSegmentName is the inverse of segmentName.
func parseSegmentName(name string) (c Class, first uint64, ok bool) {
	rest, ok := strings.CutPrefix(name, "seg-")
	if !ok {
		return 0, 0, false
	}
	for c = range numClasses {
		if digits, ok := strings.CutPrefix(rest, c.String()+"-"); ok {
			first, err := strconv.ParseUint(strings.TrimSuffix(digits, ".db"), 10, 64)
			return c, first, err == nil && segmentName(c, first) == name
		}
	}
	return 0, 0, false
}

// fileHeader begins every segment and dead.db. On disk, big-endian: version 1,
// class 1, dictionary 4, id 16, wrapped key, CRC-32C.
type fileHeader struct {
	class   Class
	id      [16]byte
	wrapped []byte
}

const (
	fileVersion = 1
	headerFixed = 1 + 1 + 4 + 16
)

func (h *fileHeader) encode() []byte {
	b := []byte{fileVersion, byte(h.class)}
	b = binary.BigEndian.AppendUint32(b, dictionaryID)
	b = append(append(b, h.id[:]...), h.wrapped...)
	return appendSum(b)
}

func decodeFileHeader(b []byte) (fileHeader, error) {
	b, ok := cutSum(b)
	if !ok || len(b) <= headerFixed {
		return fileHeader{}, fmt.Errorf("%w: file header fails its checksum", ErrDamaged)
	}
	if b[0] != fileVersion || binary.BigEndian.Uint32(b[2:]) != dictionaryID {
		return fileHeader{}, fmt.Errorf("file format %d is newer than this program; install the newer one again", b[0])
	}
	return fileHeader{Class(b[1]), [16]byte(b[6:22]), append([]byte(nil), b[headerFixed:]...)}, nil
}

func putHeader(b *bbolt.Bucket, h *fileHeader) error {
	if err := putCounted(b, keyHeader, h.encode()); err != nil {
		return err
	}
	return putCounted(b, keySpare, h.encode())
}

// readHeader reads a file's header, the spare if need be.
func readHeader(b *bbolt.Bucket) (fileHeader, error) {
	h, err := decodeFileHeader(b.Get(keyHeader))
	if errors.Is(err, ErrDamaged) {
		h, err = decodeFileHeader(b.Get(keySpare))
	}
	return h, err
}

// prepareSegment creates a segment under a temporary name of its own, synced,
// ready to take items once named. The committer and the keeper may each be making
// one: with a shared name one would rename the other's file and write into its
// own, which by then has no name.
func prepareSegment(dir string, c Class, keys Keyring, codec *codec, segmentBytes int64) (*segment, error) {
	dek, wrapped, err := newDEK(keys)
	if err != nil {
		return nil, err
	}
	key, err := newSealer(codec, dek)
	if err != nil {
		return nil, err
	}
	g := &segment{class: c, key: key, writable: true}
	_, _ = rand.Read(g.id[:])
	g.path = filepath.Join(dir, fmt.Sprintf("next-%s-%x.tmp", c, g.id[:8]))
	if g.db, err = createDB(g.path, segmentBytes); err != nil {
		return nil, err
	}
	head := fileHeader{c, g.id, wrapped}
	err = g.db.Update(func(tx *bbolt.Tx) error {
		h, err := tx.CreateBucket(bucketHeader)
		if err != nil {
			return err
		}
		if _, err = tx.CreateBucket(bucketItems); err != nil {
			return err
		}
		g.size = tx.Size()
		return putHeader(h, &head)
	})
	if err != nil {
		_ = g.close()
		_ = os.Remove(g.path)
		return nil, fmt.Errorf("prepare segment: %w", err)
	}
	return g, nil
}

// activate names a prepared segment after its first sequence number, durably.
func (g *segment) activate(first uint64, segmentBytes int64, now time.Time) error {
	g.hmu.Lock()
	defer g.hmu.Unlock()
	name := segmentName(g.class, first)
	path := filepath.Join(filepath.Dir(g.path), name)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("segment %s exists", name), err)
	}
	if !renameOpen {
		if err := g.db.Close(); err != nil {
			return err
		}
		g.db = nil
	}
	if err := publish(g.path, path); err != nil {
		return err
	}
	g.path, g.name = path, name
	if !renameOpen {
		db, err := createDB(path, segmentBytes)
		if err != nil {
			return err
		}
		g.db = db
	}
	g.first, g.last, g.lanes.first, g.created = first, first-1, first, now
	return nil
}

// appendTo stores finished envelopes in one commit (two fdatasyncs); count is
// what the segment holds afterwards. It returns the file bytes then in use.
func (g *segment) appendTo(reqs []*request, count uint32) (size int64, err error) {
	err = guard(func() error {
		return g.db.Update(func(tx *bbolt.Tx) error {
			q := tx.Bucket(bucketItems)
			q.FillPercent = 1 // keys only ascend
			for _, r := range reqs {
				if err := q.Put(seqKey(r.head.Seq), r.env); err != nil {
					return err
				}
			}
			size = tx.Size()
			return q.SetSequence(uint64(count))
		})
	})
	return size, err
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// finish writes the footer and closes the file for writing; reads go on.
func (g *segment) finish(foot []byte) error {
	err := guard(func() error {
		return g.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketHeader).Put(keyFooter, foot) })
	})
	return errors.Join(err, g.close())
}

// close closes the file; view opens it again for reading.
func (g *segment) close() error {
	g.hmu.Lock()
	defer g.hmu.Unlock()
	if g.db == nil {
		return nil
	}
	err := g.db.Close()
	g.db, g.writable = nil, false
	return err
}

// remove closes the file for good and unlinks it.
func (g *segment) remove() error {
	err := g.close()
	g.hmu.Lock()
	defer g.hmu.Unlock()
	g.gone = true
	return errors.Join(err, os.Remove(g.path))
}

// setAside closes the file for good and moves it into dir.
func (g *segment) setAside(dir string) error {
	err := g.close()
	g.hmu.Lock()
	defer g.hmu.Unlock()
	g.gone = true
	return errors.Join(err, setAside(g.path, dir))
}

func setAside(path, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil { //nolint:gosec // the operator names the folder
		return err
	}
	to := filepath.Join(dir, filepath.Base(path))
	for n := 1; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, os.ErrNotExist) { //nolint:gosec // the operator names the folder
			break
		}
		to = filepath.Join(dir, fmt.Sprintf("%s.%d", filepath.Base(path), n))
	}
	if err := publish(path, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// view runs fn in a read transaction; fn must copy what it keeps. Damage becomes
// an error that wraps ErrDamaged, a segment that is gone one that wraps
// ErrNotFound. opened says that the call opened the file.
func (g *segment) view(fn func(tx *bbolt.Tx) error) (opened bool, err error) {
	g.hmu.RLock()
	for g.db == nil {
		g.hmu.RUnlock()
		g.hmu.Lock()
		switch {
		case g.gone:
			err = fmt.Errorf("%w: segment %s is gone", ErrNotFound, g.name)
		case g.db == nil:
			opened = true
			g.db, err = openReadOnly(g.path)
		}
		g.hmu.Unlock()
		if err != nil {
			return opened, err
		}
		g.hmu.RLock()
	}
	defer g.hmu.RUnlock()
	return opened, guard(func() error { return g.db.View(fn) })
}

// items returns the item bucket of a segment.
func items(tx *bbolt.Tx) (*bbolt.Bucket, error) {
	if q := tx.Bucket(bucketItems); q != nil {
		return q, nil
	}
	return nil, fmt.Errorf("%w: no item bucket", ErrDamaged)
}

// load opens an existing segment read-only and fills in what its header and
// footer say; without a footer it returns a nil one.
func loadSegment(path string, c Class, first uint64, keys Keyring, codec *codec) (g *segment, foot *footer, err error) {
	g = &segment{class: c, name: filepath.Base(path), path: path, first: first, last: first - 1}
	g.lanes.first = first
	_, err = g.view(func(tx *bbolt.Tx) error {
		h := tx.Bucket(bucketHeader)
		if h == nil {
			return fmt.Errorf("%w: no header", ErrDamaged)
		}
		head, err := readHeader(h)
		if err != nil {
			return err
		}
		if head.class != c {
			return fmt.Errorf("%w: header and name disagree", ErrDamaged)
		}
		g.id = head.id
		dek, err := keys.Unwrap(head.wrapped)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrKeys, g.name, err)
		}
		if g.key, err = newSealer(codec, dek); err != nil {
			return err
		}
		if b := h.Get(keyFooter); b != nil {
			if foot, err = decodeFooter(b); err != nil {
				return err
			}
			if foot.lanes.first != first {
				return fmt.Errorf("%w: footer and name disagree", ErrDamaged)
			}
		}
		return nil
	})
	return g, foot, errors.Join(err, g.close())
}

// useFooter fills in what a footer says.
func (g *segment) useFooter(f *footer) {
	g.count, g.last, g.bytes, g.size, g.lanes = f.count, f.last, f.bytes, f.size, f.lanes
}

func (g *segment) footer() *footer {
	return &footer{count: g.count, last: g.last, bytes: g.bytes, size: g.size, lanes: g.lanes}
}

// rescan reads a segment without footer from front to back and makes its footer.
// Envelopes that do not decode are counted like others; they show when loaded.
func (g *segment) rescan() (*footer, error) {
	f := &footer{last: g.first - 1}
	f.lanes.first = g.first
	_, err := g.view(func(tx *bbolt.Tx) error {
		q, err := items(tx)
		if err != nil {
			return err
		}
		f.size = tx.Size()
		return walkBucket(q, func(k, v []byte) error {
			if len(k) != 8 || binary.BigEndian.Uint64(k) <= f.last {
				return fmt.Errorf("%w: keys out of order", ErrDamaged)
			}
			f.last = binary.BigEndian.Uint64(k)
			f.count++
			f.bytes += int64(len(v))
			if e, err := decodeEnvelope(v); err == nil {
				f.lanes.add(e.Lanes, f.last)
			}
			return nil
		})
	})
	f.lanes.close()
	return f, errors.Join(err, g.close())
}
