package intake

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"cardferry/hl7"
)

// parts are the continued messages that are not complete.
type parts struct {
	mu      sync.Mutex // over all of it
	joiner  *hl7.Joiner
	spool   spool
	orphans []*hl7.Parts // on disk, without a place in the joiner; to be given up
}

// spool keeps the parts that were accepted on disk, sealed, one file each:
// TIME.part, where TIME orders them.
type spool struct {
	dir   string
	seal  cipher.AEAD
	files map[[sha256.Size]byte]string // by sender and bytes of the part
	last  int64                        // TIME of the newest file, Unix nanoseconds
}

const (
	partSuffix = ".part"
	tmpSuffix  = ".tmp"
	badSuffix  = ".damaged"
)

var partContext = []byte("cardferry/intake-part/v1")

// openParts reads what is unfinished. A file that cannot be opened is set aside.
func (i *Intake) openParts() (*parts, error) {
	dir := filepath.Join(i.o.StateDir, "parts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open parts of messages: %w", err)
	}
	p := &parts{
		joiner: hl7.NewJoiner(2 * orDefault(i.o.MaxMessage, hl7.DefaultMaxSize)),
		spool:  spool{dir: dir, seal: i.o.Seal, files: map[[sha256.Size]byte]string{}},
	}
	entries, err := os.ReadDir(dir) // sorted by name, so by time
	if err != nil {
		return nil, fmt.Errorf("open parts of messages: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(path) {
		case tmpSuffix: // never acknowledged
			err = os.Remove(path)
		case partSuffix:
			err = i.reopen(p, path)
		}
		if err != nil {
			return nil, fmt.Errorf("open parts of messages: %w", err)
		}
	}
	return p, nil
}

// reopen takes in the part in a file.
func (i *Intake) reopen(p *parts, path string) error {
	sender, raw, at, err := p.spool.read(path)
	var m *hl7.Message
	if err == nil {
		m, err = hl7.Parse(raw, i.Reading(sender))
	}
	if err != nil {
		i.log.Error("a part of a message cannot be read and is set aside", "file", filepath.Base(path)+badSuffix, "error", err)
		return os.Rename(path, path+badSuffix)
	}
	p.spool.files[partSum(sender, raw)] = path
	if _, err := p.joiner.Add(sender, m, at); err != nil { // one before it is missing
		p.orphans = append(p.orphans, &hl7.Parts{Sender: sender, Raw: [][]byte{raw}, First: at, Last: at})
	}
	return nil
}

// add writes a part down, durably. A part that is there already is not written
// again.
func (s *spool) add(sender string, raw []byte, at time.Time) error {
	sum := partSum(sender, raw)
	if s.files[sum] != "" {
		return nil
	}
	s.last = max(s.last+1, at.UnixNano())
	path := filepath.Join(s.dir, fmt.Sprintf("%019d%s", s.last, partSuffix))
	sealed := s.seal.Seal(nil, nil, append([]byte(sender+"\n"), raw...), partContext)
	if err := writeDurably(path, sealed); err != nil {
		return fmt.Errorf("keep a part of a message: %w", err)
	}
	s.files[sum] = path
	return nil
}

func (s *spool) read(path string) (sender string, raw []byte, at time.Time, err error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return "", nil, time.Time{}, err
	}
	nanos, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(path), partSuffix), 10, 64)
	if err != nil {
		return "", nil, time.Time{}, errors.New("not a file of this spool")
	}
	plain, err := s.seal.Open(nil, nil, sealed, partContext)
	if err != nil {
		return "", nil, time.Time{}, errors.New("it was damaged, or sealed with another key")
	}
	name, raw, _ := bytes.Cut(plain, []byte("\n"))
	s.last = max(s.last, nanos)
	return string(name), raw, time.Unix(0, nanos), nil
}

// remove deletes parts that are in the queue. One that stays is taken for
// unfinished after a restart, and stored again under the same id.
func (s *spool) remove(p *hl7.Parts) {
	for _, raw := range p.Raw {
		sum := partSum(p.Sender, raw)
		if path := s.files[sum]; path != "" {
			_ = os.Remove(path) // see above
			delete(s.files, sum)
		}
	}
}

func partSum(sender string, raw []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(sender+"\n"), raw...))
}

// writeDurably makes a file that is there whole or not at all.
func writeDurably(path string, content []byte) error {
	f, err := os.OpenFile(path+tmpSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+tmpSuffix, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes files made, renamed and removed in dir durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
