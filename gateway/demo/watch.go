package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"
)

// api calls one HTTP API of a tier.
type api struct {
	base  string
	token string
}

func (a api) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return a.do(req, out)
}

func (a api) do(req *http.Request, out any) error {
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// deskAPI is the desk as a HIS page sees it.
type deskAPI struct{ api }

type deskEvent struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Medium    string `json:"medium"`
	Assurance string `json:"assurance"`
}

// insert puts a simulated card into its simulated reader.
func (d deskAPI) insert(ctx context.Context, card string) error {
	return d.call(ctx, http.MethodPost, "/v1/simulator/insert", map[string]string{"reader": "any", "card": card}, nil)
}

// after does something at a reader and returns the read that the desk then
// shows, and how long it took.
func (d deskAPI) after(ctx context.Context, do func(context.Context) error) (drivers.Read, time.Duration, error) {
	var batch struct {
		Events []deskEvent `json:"events"`
		Cursor uint64      `json:"cursor"`
	}
	if err := d.call(ctx, http.MethodGet, "/v1/reads/next?wait=0s", nil, &batch); err != nil {
		return drivers.Read{}, 0, err
	}
	begin := time.Now()
	if err := do(ctx); err != nil {
		return drivers.Read{}, 0, err
	}
	for time.Since(begin) < 10*time.Second {
		if err := d.call(ctx, http.MethodGet, fmt.Sprintf("/v1/reads/next?after=%d&wait=5s", batch.Cursor), nil, &batch); err != nil {
			return drivers.Read{}, 0, err
		}
		for _, e := range batch.Events {
			if e.ID == "" {
				continue
			}
			took := time.Since(begin)
			var r drivers.Read
			err := d.call(ctx, http.MethodGet, "/v1/reads/"+e.ID, nil, &r)
			return r, took, err
		}
	}
	return drivers.Read{}, 0, errors.New("the desk shows nothing")
}

// platformAPI reads back what the platform keeps.
type platformAPI struct{ api }

// find returns the resources of a type with an identifier, which travels in the
// body: a patient's number does not belong in a URL.
func (p platformAPI) find(ctx context.Context, typ, system, value string) (r4.Bundle, error) {
	form := url.Values{"identifier": {system + "|" + value}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/fhir/"+typ+"/_search", strings.NewReader(form))
	if err != nil {
		return r4.Bundle{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var b r4.Bundle
	return b, p.do(req, &b)
}

// count is how many resources of a type the platform has.
func (p platformAPI) count(ctx context.Context, typ string) (int, error) {
	var b r4.Bundle
	if err := p.call(ctx, http.MethodGet, "/fhir/"+typ+"?_summary=count", nil, &b); err != nil {
		return 0, err
	}
	if b.Total == nil {
		return 0, fmt.Errorf("the platform does not count %s", typ)
	}
	return *b.Total, nil
}

// await asks until done says so, at most for the given time.
func await(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("waited %s: %w", limit, err)
		case <-tick.C:
		}
	}
}
