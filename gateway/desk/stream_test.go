package desk

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
)

// pipeWriter is a ResponseWriter whose body is read while it is written, inside
// a synctest bubble too.
type pipeWriter struct {
	*io.PipeWriter
	header http.Header
}

func (w pipeWriter) Header() http.Header { return w.header }
func (w pipeWriter) WriteHeader(int)     {}
func (w pipeWriter) Flush()              {}

// openStream starts GET /v1/events; the stream ends with the context.
func openStream(ctx context.Context, d *Desk, lastEventID string) *bufio.Scanner {
	reader, writer := io.Pipe()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events", nil)
	r.Host = "127.0.0.1:8640"
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	context.AfterFunc(ctx, func() { _ = reader.Close() })
	go func() {
		d.Handler().ServeHTTP(pipeWriter{writer, make(http.Header)}, r)
		_ = writer.Close()
	}()
	return bufio.NewScanner(reader)
}

// sse is one message of a stream; a comment has only a kind, ":".
type sse struct{ kind, id, data string }

func next(t *testing.T, s *bufio.Scanner) sse {
	t.Helper()
	m, ok := nextOrEnd(s)
	if !ok {
		t.Fatalf("the stream ended: %v", s.Err())
	}
	return m
}

func nextOrEnd(s *bufio.Scanner) (sse, bool) {
	var m sse
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case s.Text() == "":
			return m, true
		case name == "":
			m.kind = ":"
		case name == "event":
			m.kind = value
		case name == "id":
			m.id = value
		case name == "data":
			m.data = value
		}
	}
	return m, false
}

// firstOfStream returns the data of the first messages after the cursor.
func firstOfStream(t *testing.T, d *Desk, after string, count int) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := openStream(ctx, d, after)
	var data strings.Builder
	for range count {
		m := next(t, s)
		data.WriteString(m.kind + m.id + m.data + "\n")
	}
	return data.String()
}

func eventOf(t *testing.T, m sse) Event {
	t.Helper()
	var e Event
	if err := json.Unmarshal([]byte(m.data), &e); err != nil {
		t.Fatalf("%v: %+v", err, m)
	}
	if m.kind != "" || m.id != fmt.Sprint(e.Seq) {
		t.Fatalf("message %+v for event %d", m, e.Seq)
	}
	return e
}

func TestStreamSendsEventsAsTheyHappen(t *testing.T) {
	d := newDesk(t, Config{})
	s := openStream(t.Context(), d, "")
	hello := next(t, s)
	if hello.kind != "hello" || hello.id != fmt.Sprint(d.events.now()) {
		t.Fatalf("%+v", hello)
	}
	for _, step := range []struct {
		event drivers.EventType
		want  EventType
	}{{drivers.Attached, ReaderAttached}, {drivers.Presented, CardPresented}, {drivers.Removed, CardRemoved}} {
		d.Publish(drivers.Event{Type: step.event, Reader: slot})
		if got := eventOf(t, next(t, s)); got.Type != step.want {
			t.Errorf("%+v", got)
		}
	}
}

func TestStreamResumesAtLastEventID(t *testing.T) {
	d := newDesk(t, Config{})
	for range 250 {
		d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})
	}
	last := d.events.now()
	s := openStream(t.Context(), d, fmt.Sprint(last-240))
	if hello := next(t, s); hello.kind != "hello" || hello.id != fmt.Sprint(last-240) {
		t.Fatalf("%+v", hello)
	}
	for i := last - 239; i <= last; i++ {
		if got := eventOf(t, next(t, s)); got.Seq != i {
			t.Fatalf("event %d, want %d", got.Seq, i)
		}
	}
}

func TestStreamTellsOfAGap(t *testing.T) {
	d := newDesk(t, Config{})
	start := d.events.now()
	for range logSize + 1 {
		d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})
	}
	s := openStream(t.Context(), d, fmt.Sprint(start))
	next(t, s)
	if gap := next(t, s); gap.kind != "gap" || gap.id != fmt.Sprint(start+1) {
		t.Fatalf("%+v", gap)
	}
	if first := eventOf(t, next(t, s)); first.Seq != start+2 {
		t.Errorf("first event %d, want %d", first.Seq, start+2)
	}
}

func TestStreamShowsThatItIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		s := openStream(ctx, d, "")
		next(t, s)
		begin := time.Now()
		if m := next(t, s); m.kind != ":" || time.Since(begin) != heartbeat {
			t.Errorf("%+v after %v", m, time.Since(begin))
		}
		cancel()
		d.Close()
		synctest.Wait()
	})
}

func TestStreamEndsWithTheDesk(t *testing.T) {
	d := New(Config{})
	s := openStream(t.Context(), d, "")
	next(t, s)
	d.Close()
	if m, ok := nextOrEnd(s); ok {
		t.Errorf("after Close: %+v", m)
	}
}

// TestServerShutsDownWithOpenStreams runs a real server with a client on each
// way out, and wants Close to let it shut down.
func TestServerShutsDownWithOpenStreams(t *testing.T) {
	d := New(Config{})
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	client := server.Client()
	ended := make(chan error, 2)
	opened := make(chan struct{})
	drain := func(path string, begun func()) {
		response, err := client.Get(server.URL + path)
		begun()
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			err = errors.Join(err, response.Body.Close())
		}
		ended <- err
	}
	go drain("/v1/events", func() { close(opened) })
	go drain("/v1/reads/next?wait=60s", func() {})
	<-opened
	server.Config.RegisterOnShutdown(d.Close)
	if err := server.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-ended; err != nil {
			// A poll that came after the shutdown is refused; either way it ended.
			t.Log(err)
		}
	}
	client.CloseIdleConnections()
}

func BenchmarkPublishToStream(b *testing.B) {
	d := New(Config{})
	defer d.Close()
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/v1/events")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	s := bufio.NewScanner(response.Body)
	if _, ok := nextOrEnd(s); !ok {
		b.Fatal("no hello")
	}
	for b.Loop() {
		publishRead(d, aRead())
		if _, ok := nextOrEnd(s); !ok {
			b.Fatal("the stream ended")
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	d := New(Config{})
	defer d.Close()
	read := aRead()
	b.ReportAllocs()
	for b.Loop() {
		publishRead(d, read)
	}
}
