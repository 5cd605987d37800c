package queue

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk fills a small file system to the last block.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=700"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	o := testOptions(t)
	o.SegmentBytes = 512 << 10
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	stored := fillUntilFull(t, s, Live)
	if len(stored) < 250 {
		t.Errorf("full after %d items", len(stored))
	}
	if st := s.Stat(); st.Refused == 0 {
		t.Errorf("stat %+v", st)
	}
	// Still full, still no harm: every attempt is refused, everything is there.
	for i := range 5 {
		it := item(fmt.Sprint("more", i), Express, "A")
		it.Payload = noise(8000)
		if _, err := s.Enqueue(t.Context(), it); err != nil && !errors.Is(err, ErrFull) {
			t.Fatalf("on a full disk: %v, want ErrFull", err)
		} else if err == nil {
			stored = append(stored, it.ID)
		}
	}
	// Delivery works on a full disk, and gives the space back.
	got := drain(t, s, len(stored))
	for _, id := range stored {
		if !got[id] {
			t.Fatalf("%s is lost", id)
		}
	}
	for i := 0; ; i++ {
		it := item(fmt.Sprint("after", i), Live, "A")
		it.Payload = noise(4000)
		_, err := s.Enqueue(t.Context(), it)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrFull) || i > 1000 {
			t.Fatalf("after delivery: %v", err)
		}
		<-s.testTick()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	if st := s.Stat(); st.Classes[Live].Items != 1 || len(st.Conditions) != 0 {
		t.Errorf("after reopening: %+v", st)
	}
	mustClose(t, s)
}
