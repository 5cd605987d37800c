//go:build cgo

package pcsc

import (
	"testing"

	"cardferry/drivers"
)

func TestInsertAndRemove(t *testing.T) {
	r := run(t, readOneByte)
	name := readers[0].name
	for _, b := range []byte{1, 2} {
		r.insert(0, says(b))
		e := r.expect(name, drivers.Presented, drivers.Completed)
		want := drivers.Reader{Name: name, Driver: "pcsc", Kind: drivers.KindSmartcard, Simulated: true}
		if e.Reader != want {
			t.Errorf("reader %+v, want %+v", e.Reader, want)
		}
		read := e.Read
		if read.ID == "" || read.Time.IsZero() || read.Reader != name || !read.Simulated {
			t.Errorf("the driver left out something: %#v at %v in %q, simulated %v", read.ID, read.Time, read.Reader, read.Simulated)
		}
		if want := map[byte]string{1: "test-01", 2: "test-02"}[b]; read.Medium != want {
			t.Errorf("read %s, want %s", read.Medium, want)
		}
		r.remove(0)
		r.expect(name, drivers.Removed)
	}
}
