package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// heartbeat is how often an idle stream shows that it is alive; below what
// proxies and browsers take for a dead connection.
const heartbeat = 15 * time.Second

// streamEvents sends the log as server-sent events (WHATWG HTML section 9.2).
// Each event is a plain message whose id is its cursor, so that the browser
// resumes by itself. The first message, of type "hello", carries the cursor the
// stream starts at: a stream cut before its first event resumes there too. A
// message of type "gap" says that events were lost.
func (d *Desk) streamEvents(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem(codeCursorInvalid)
	}
	cursor, err := d.cursor(query, r.Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	s := stream{w: w, rc: http.NewResponseController(w)}
	s.message("hello", cursor, struct {
		Cursor uint64 `json:"cursor"`
	}{cursor})
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		next, changed := d.events.since(cursor)
		cursor = next.Cursor
		if next.Gap {
			s.message("gap", cursor-uint64(len(next.Events)), struct {
				Gap bool `json:"gap"`
			}{true})
		}
		for _, e := range next.Events {
			s.message("", e.Seq, e)
		}
		if s.flush() != nil {
			return nil // the client has gone; the answer is under way
		}
		if len(next.Events) == batchSize {
			continue // there may be more already
		}
		select {
		case <-changed:
		case <-beat.C:
			s.comment()
		case <-d.closed:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

// stream collects messages and writes them in one piece.
type stream struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	pending bytes.Buffer
	err     error
}

// message adds one message; an empty kind is a plain "message".
func (s *stream) message(kind string, id uint64, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		s.err = err
		return
	}
	if kind != "" {
		_, _ = fmt.Fprintf(&s.pending, "event: %s\n", kind)
	}
	_, _ = fmt.Fprintf(&s.pending, "id: %d\ndata: %s\n\n", id, body)
}

// comment adds a line that clients ignore.
func (s *stream) comment() { s.pending.WriteString(":\n\n") }

// flush sends what was collected. A client that does not take it in time is
// given up; it resumes at its cursor.
func (s *stream) flush() error {
	if s.err != nil || s.pending.Len() == 0 {
		return s.err
	}
	// A ResponseWriter of a test has no deadline, and needs none.
	_ = s.rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.pending.WriteTo(s.w); err != nil {
		return err
	}
	return s.rc.Flush()
}
