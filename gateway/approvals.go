package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// approvals are the USB readers that a person has allowed, kept in the data
// directory. A device that nobody approved is never opened: anything can be
// plugged into a desk. It is safe for concurrent use.
type approvals struct {
	file string

	mu   sync.Mutex
	byID map[string]approval
}

// approval is the record of one decision.
type approval struct {
	At time.Time `json:"at"`
}

// openApprovals reads what was approved so far; a file that is not there holds
// nothing.
func openApprovals(dataDir string) (*approvals, error) {
	a := &approvals{file: filepath.Join(dataDir, "approved-devices.json"), byID: map[string]approval{}}
	b, err := os.ReadFile(a.file)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &a.byID); err != nil {
		return nil, fmt.Errorf("%s is damaged; remove it and approve the readers again: %w", a.file, err)
	}
	return a, nil
}

func (a *approvals) has(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.byID[id]
	return ok
}

// set approves a device or takes that back, and keeps the decision on disk.
func (a *approvals) set(id string, approved bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, had := a.byID[id]
	if had == approved {
		return nil
	}
	if approved {
		a.byID[id] = approval{At: time.Now().UTC().Truncate(time.Second)}
	} else {
		delete(a.byID, id)
	}
	if err := a.save(); err != nil {
		delete(a.byID, id)
		if had {
			a.byID[id] = before
		}
		return fmt.Errorf("keep the approval: %w", err)
	}
	return nil
}

// save replaces the file whole, so that a power cut leaves the old or the new one.
func (a *approvals) save() (err error) {
	b, err := json.MarshalIndent(a.byID, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(a.file), ".approved-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(append(b, '\n')); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), a.file)
}
