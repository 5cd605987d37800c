package desk

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// defaultWait is how long a long-poll waits when it does not say.
	defaultWait = 25 * time.Second
	// maxWait is the longest a long-poll may ask to wait; proxies cut longer ones.
	maxWait = time.Minute
	// maxStreams is how many long-polls and streams may wait at once.
	maxStreams = 64
	// writeTimeout is how long a client may take to accept what is written.
	writeTimeout = 10 * time.Second
)

func (d *Desk) getStatus(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, d.statusNow())
}

func (d *Desk) getReaders(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, struct {
		Readers []ReaderState `json:"readers"`
	}{d.Readers()})
}

// getRead answers with the whole read, patient data and all.
func (d *Desk) getRead(w http.ResponseWriter, r *http.Request) error {
	read, known := d.events.read(r.PathValue("id"))
	switch {
	case !known:
		return problem(codeReadUnknown)
	case read == nil:
		return problem(codeReadExpired)
	}
	return writeJSON(w, read)
}

// nextReads is the long-poll: events after the cursor, at once when there are
// any, else when there are, else an empty batch after the wait.
func (d *Desk) nextReads(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem(codeCursorInvalid)
	}
	cursor, err := d.cursor(query, "")
	if err != nil {
		return err
	}
	wait, err := parseWait(query)
	if err != nil {
		return err
	}
	leave, err := d.enter()
	if err != nil {
		return err
	}
	defer leave()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		answer, changed := d.events.since(cursor)
		if len(answer.Events) > 0 || answer.Gap {
			return writeJSON(w, answer)
		}
		select {
		case <-changed:
			continue
		case <-timeout.C:
		case <-d.closed:
		case <-r.Context().Done():
		}
		return writeJSON(w, answer)
	}
}

// cursor returns where to start: the Last-Event-ID of a stream that resumes, the
// "after" of the query, or now.
func (d *Desk) cursor(query url.Values, lastEventID string) (uint64, error) {
	text := lastEventID
	if text == "" {
		text = query.Get("after")
	}
	if text == "" {
		return d.events.now(), nil
	}
	cursor, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, problem(codeCursorInvalid)
	}
	return cursor, nil
}

// parseWait returns the "wait" of the query, a Go duration of 0 to maxWait.
func parseWait(query url.Values) (time.Duration, error) {
	text := query.Get("wait")
	if text == "" {
		return defaultWait, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, problem(codeWaitInvalid)
	}
	return wait, nil
}

// enter takes one of the places for requests that wait; leave gives it back.
func (d *Desk) enter() (leave func(), err error) {
	select {
	case <-d.closed:
		return nil, problem(codeShuttingDown)
	default:
	}
	select {
	case d.streams <- struct{}{}:
		return func() { <-d.streams }, nil
	default:
		return nil, problem(codeStreamsBusy)
	}
}
