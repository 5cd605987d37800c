// Package fhirhttp delivers to a FHIR R4 server, or to another cardferry, over
// HTTPS: POST of a transaction Bundle to the base URL
// (http://hl7.org/fhir/R4/http.html#transaction) with an idempotency key.
package fhirhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cardferry/sync/upstream"
)

// The headers of the contract between tiers, beside those of HTTP and FHIR. A
// server that does not know them ignores them.
const (
	HeaderKey   = "Idempotency-Key"
	HeaderLane  = "Cardferry-Lane"  // ordering keys, comma separated
	HeaderClass = "Cardferry-Class" // express, live or backfill
	// HeaderGap is given once per gap: lane=KEY;count=N;first=SEQ;last=SEQ
	HeaderGap = "Cardferry-Gap"
)

const (
	defaultTimeout  = 30 * time.Second
	connectTimeout  = 10 * time.Second
	maxResponse     = 8 << 20
	conflictRetries = 3
	conflictPause   = 400 * time.Millisecond
)

// Config says where the server is and how to show who we are.
type Config struct {
	// URL is the server's base URL. Plain http is accepted on loopback only.
	URL string
	// TokenFile holds a bearer token. It is read again when it changed.
	TokenFile string
	// CAFile is a PEM bundle that replaces the system's certificate authorities.
	CAFile string
	// CertFile and KeyFile are the PEM client certificate for mutual TLS; they are
	// read for every connection, so that a renewed one is used.
	CertFile, KeyFile string
	// Timeout bounds each stage: sending without progress, waiting for the answer,
	// reading it. 30 s when zero.
	Timeout time.Duration
}

// Client delivers to one server; safe for concurrent use.
type Client struct {
	base    string
	timeout time.Duration
	http    *http.Client
	token   *tokenFile
}

// New checks the configuration and returns a client; it does not connect.
func New(c Config) (*Client, error) {
	base, err := checkURL(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	tlsConf, err := clientTLS(c)
	if err != nil {
		return nil, err
	}
	token, err := openToken(c.TokenFile)
	if err != nil {
		return nil, err
	}
	return &Client{
		base: base, timeout: c.Timeout, token: token,
		http: &http.Client{
			Transport: newTransport(c.Timeout, tlsConf),
			// A redirect would carry patient data to a place nobody configured.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close gives idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// checkURL accepts https, and http to this machine.
func checkURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("upstream url must be https://HOST[:PORT]/PATH without user, query and fragment")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback(u.Hostname()):
	default:
		return "", errors.New("upstream url must begin with https:// (http:// is for this machine only)")
	}
	return u.String(), nil
}

// Deliver posts the request and returns nil when the server has applied all of
// it: HTTP 2xx, and 2xx for every entry if a Bundle comes back. Other errors are
// *upstream.Unavailable or *upstream.Refused, or the context's.
func (c *Client) Deliver(ctx context.Context, r upstream.Request) error {
	token, err := c.token.read(false)
	if err != nil {
		return &upstream.Unavailable{Code: "token_file", Err: err}
	}
	for try := 1; ; try++ {
		err := c.post(ctx, r, token)
		var down *upstream.Unavailable
		var refused *upstream.Refused
		switch {
		case errors.As(err, &down) && down.Code == "http_401" && try == 1:
			// The token may have been renewed: look once, then leave it to people.
			fresh, readErr := c.token.read(true)
			if readErr != nil || fresh == token {
				return err
			}
			token = fresh
		case errors.As(err, &refused) && refused.Status == http.StatusConflict && try < conflictRetries:
			// Two writers met at one resource; the same bytes may succeed now.
			select {
			case <-time.After(rand.N(conflictPause)): //nolint:gosec // spreads retries, guards nothing
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		default:
			return err
		}
	}
}

// post is one HTTP exchange.
func (c *Client) post(ctx context.Context, r upstream.Request, token string) error {
	exchange, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(exchange, http.MethodPost, c.base, bytes.NewReader(r.Body))
	if err != nil {
		return &upstream.Unavailable{Code: "request", Err: errors.New("cannot make a request of this url")}
	}
	setHeaders(req.Header, r, token)
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	slow := time.AfterFunc(c.timeout, cancel)
	defer slow.Stop()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		if ctx.Err() == nil && exchange.Err() != nil {
			return &upstream.Unavailable{Code: "timeout", Err: fmt.Errorf("the answer did not end within %v", c.timeout)}
		}
		return c.unreachable(ctx, err)
	}
	return judge(resp, body)
}

func setHeaders(h http.Header, r upstream.Request, token string) {
	h.Set("Content-Type", r.ContentType)
	if r.ContentType == "" {
		h.Set("Content-Type", "application/fhir+json")
	}
	h.Set("Accept", "application/fhir+json")
	h.Set("Prefer", "return=minimal")
	h.Set("User-Agent", "cardferry")
	h.Set(HeaderKey, r.Key)
	h.Set("X-Request-Id", r.Key)
	h.Set(HeaderLane, strings.Join(r.Lanes, ","))
	h.Set(HeaderClass, r.Class)
	for _, g := range r.Gaps {
		h.Add(HeaderGap, fmt.Sprintf("lane=%s;count=%d;first=%d;last=%d", g.Lane, g.Count, g.First, g.Last))
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
}
