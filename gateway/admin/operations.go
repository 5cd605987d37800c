package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cardferry/sync/queue"
)

// Stat is the state of the queue.
type Stat struct {
	Classes    []ClassStat       `json:"classes"`
	Parked     int               `json:"parked"`
	HeldLanes  int               `json:"held_lanes"`
	Segments   int               `json:"segments"`
	UsedBytes  int64             `json:"used_bytes"`
	QuotaBytes int64             `json:"quota_bytes"`
	Refused    uint64            `json:"refused"`
	Commits    uint64            `json:"commits"`
	PerCommit  float64           `json:"items_per_commit"`
	CommitTime time.Duration     `json:"commit_time_ns"`
	Conditions []queue.Condition `json:"conditions"`
}

// ClassStat is the backlog of one class.
type ClassStat struct {
	Class  string    `json:"class"`
	Items  int       `json:"items"`
	Bytes  int64     `json:"bytes"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// Item is a stored item without its payload. Lanes are keyed hashes.
type Item struct {
	Seq      uint64       `json:"seq"`
	ID       string       `json:"id"`
	Class    string       `json:"class"`
	Kind     string       `json:"kind"`
	Source   string       `json:"source"`
	Lanes    []queue.Lane `json:"lanes"`
	Received time.Time    `json:"received"`
	Bytes    int          `json:"bytes"`
	Parked   *Parked      `json:"parked,omitempty"`
}

// Parked says why an item waits for a person.
type Parked struct {
	At        time.Time `json:"at"`
	Times     int       `json:"times"`
	Code      string    `json:"code"`
	Detail    string    `json:"detail,omitempty"`
	Responder string    `json:"responder,omitempty"`
	Policy    string    `json:"policy"` // hold or continue
	Retried   bool      `json:"retried"`
}

// operations are the queue's operations; the daemon serves them, and a command
// uses them directly when no daemon has the queue open.
type operations struct{ store *queue.Store }

func (o operations) stat() Stat {
	st := o.store.Stat()
	s := Stat{
		Parked: st.Parked, HeldLanes: st.HeldLanes, Segments: st.Segments,
		UsedBytes: st.UsedBytes, QuotaBytes: st.QuotaBytes, Refused: st.Refused,
		Commits: st.Commits.Commits, PerCommit: st.Commits.MeanItems, CommitTime: st.Commits.MeanTime,
		Conditions: st.Conditions,
	}
	for class, c := range st.Classes {
		s.Classes = append(s.Classes, ClassStat{queue.Class(class).String(), c.Items, c.Bytes, c.Oldest})
	}
	return s
}

func (o operations) list(after uint64, limit int) ([]Item, error) {
	headers, err := o.store.List(queue.Filter{AfterSeq: after, Limit: limit})
	items := make([]Item, 0, len(headers))
	for _, h := range headers {
		items = append(items, item(h))
	}
	return items, err
}

func (o operations) items(r *http.Request) (any, error) {
	q := r.URL.Query()
	var after, limit uint64
	var err error
	if s := q.Get("after"); s != "" {
		if after, err = number(s, "after"); err != nil {
			return nil, err
		}
	}
	if s := q.Get("limit"); s != "" {
		if limit, err = number(s, "limit"); err != nil {
			return nil, err
		}
	}
	return o.list(after, int(min(limit, 10_000)))
}

func (o operations) parked() ([]Item, error) {
	found, err := o.store.ParkedItems()
	items := make([]Item, 0, len(found))
	for _, p := range found {
		it := item(p.Header)
		it.Parked = &Parked{p.At, p.Parks, p.Code, p.Detail, p.Responder, p.Policy.String(), p.Retried}
		items = append(items, it)
	}
	return items, err
}

// show finds one item, parked or waiting.
func (o operations) show(seq uint64) (Item, error) {
	parked, err := o.parked()
	if err != nil {
		return Item{}, err
	}
	for _, it := range parked {
		if it.Seq == seq {
			return it, nil
		}
	}
	waiting, err := o.list(max(seq, 1)-1, 1)
	if err != nil {
		return Item{}, err
	}
	if len(waiting) == 0 || waiting[0].Seq != seq {
		return Item{}, fmt.Errorf("%w: %d was delivered, or never existed", queue.ErrNotFound, seq)
	}
	return waiting[0], nil
}

func (o operations) item(r *http.Request) (any, error) {
	seq, err := number(r.PathValue("seq"), "seq")
	if err != nil {
		return nil, err
	}
	return o.show(seq)
}

func (o operations) retry(r *http.Request) (any, error) {
	seq, err := number(r.PathValue("seq"), "seq")
	if err != nil {
		return nil, err
	}
	return struct{}{}, o.store.Retry(seq)
}

func (o operations) drop(r *http.Request) (any, error) {
	seq, err := number(r.PathValue("seq"), "seq")
	if err != nil {
		return nil, err
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || strings.TrimSpace(body.Reason) == "" {
		return nil, fmt.Errorf("%w: a reason is needed", errRequest)
	}
	return struct{}{}, o.store.Drop(seq, body.Reason)
}

func item(h queue.Header) Item {
	return Item{
		Seq: h.Seq, ID: h.ID, Class: h.Class.String(), Kind: h.Kind, Source: h.Source,
		Lanes: h.Lanes, Received: h.Received, Bytes: h.Size,
	}
}
