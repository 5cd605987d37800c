package queue

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestListAndGet(t *testing.T) {
	s := mustOpen(t, t.TempDir(), testOptions(t))
	var seqs []uint64
	for i := range 9 {
		it := item(fmt.Sprint("i", i), Class(i%3), Lane(fmt.Sprint("L", i%2)))
		if i%4 == 0 {
			it.Kind, it.Source = KindCardRead, "desk"
		}
		seqs = append(seqs, mustEnqueue(t, s, it))
	}
	done(t, next(t, s)) // i0: express, and first of its lane
	live := Live
	tests := []struct {
		name string
		f    Filter
		want []int
	}{
		{"everything left", Filter{}, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{"one class", Filter{Class: &live}, []int{1, 4, 7}},
		{"one lane", Filter{Lane: "L1"}, []int{1, 3, 5, 7}},
		{"one kind", Filter{Kind: KindCardRead}, []int{4, 8}},
		{"one source", Filter{Source: "his", Class: &live}, []int{1, 7}},
		{"a page", Filter{AfterSeq: seqs[3], Limit: 2}, []int{4, 5}},
		{"nothing", Filter{Lane: "none"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := s.List(tt.f)
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, h := range list {
				got = append(got, slices.Index(seqs, h.Seq))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	got, err := s.Get(seqs[5])
	if err != nil || got.ID != "i5" || len(got.Payload) == 0 {
		t.Errorf("get: %v, %v", got, err)
	}
	c := next(t, s)
	if err := c.Park(Parked{Code: "test"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(c.Item().Seq); err != nil || got.ID != c.Item().ID {
		t.Errorf("get of a parked item: %v, %v", got, err)
	}
	if _, err := s.Get(999); !errors.Is(err, ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
	for name, call := range map[string]func(uint64) error{
		"retry": s.Retry, "drop": func(seq uint64) error { return s.Drop(seq, "test") },
	} {
		if err := call(seqs[8]); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of an item that is not parked: %v", name, err)
		}
	}
}

// TestPayloadIsMasked: neither fmt nor a parked note shows a payload.
func TestPayloadIsMasked(t *testing.T) {
	it := item("id", Live, "A")
	it.Payload = []byte("SECRET")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, it); strings.Contains(text, "SECRET") {
			t.Errorf("%s shows %s", verb, text)
		}
	}
	if text := it.LogValue().String(); strings.Contains(text, "SECRET") || !strings.Contains(text, "id") {
		t.Errorf("log shows %s", text)
	}
}

// TestOldSegmentGivesWay: also a class with little traffic gives its space back.
func TestOldSegmentGivesWay(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(t)
	clock := make(chan time.Time, 1)
	clock <- time.Now()
	o.now = func() time.Time {
		now := <-clock
		clock <- now
		return now
	}
	s := mustOpen(t, dir, o)
	mustEnqueue(t, s, item("old", Live, "A"))
	done(t, next(t, s))
	clock <- (<-clock).Add(maxSegmentAge)
	seq := mustEnqueue(t, s, item("new", Live, "A"))
	want := filepath.Join(dir, segmentName(Live, seq))
	deadline := time.Now().Add(20 * time.Second)
	for {
		segs, err := filepath.Glob(filepath.Join(dir, "seg-*"))
		if err == nil && slices.Equal(segs, []string{want}) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("segments %v, %v", segs, err)
		}
		<-s.testTick()
	}
	if st := s.Stat(); st.Segments != 1 {
		t.Errorf("stat %+v", st)
	}
}
