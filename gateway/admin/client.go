package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cardferry/sync/queue"
)

// Queue is the queue as an operator sees it: through the running daemon, or
// directly when none runs.
type Queue interface {
	Stat(ctx context.Context) (Stat, error)
	Items(ctx context.Context, after uint64, limit int) ([]Item, error)
	Parked(ctx context.Context) ([]Item, error)
	Show(ctx context.Context, seq uint64) (Item, error)
	Retry(ctx context.Context, seq uint64) error
	Drop(ctx context.Context, seq uint64, reason string) error
	Close() error
}

// Open asks the daemon at addr with the token in tokenFile; when nothing listens
// there it opens the store with open. destination names a queue back to one of the
// hospital's systems; "" is the queue to the platform.
func Open(ctx context.Context, addr, tokenFile, destination string, open func() (*queue.Store, error)) (Queue, error) {
	c, err := Dial(ctx, addr, tokenFile)
	if err == nil {
		c.destination = destination
	}
	if !errors.Is(err, ErrNoDaemon) {
		return c, err
	}
	store, err := open()
	if err != nil {
		return nil, err
	}
	return direct{operations{store}}, nil
}

// ErrNoDaemon says that nothing listens at the admin address.
var ErrNoDaemon = errors.New("no daemon is running")

// Dial reaches the daemon at addr with the token in tokenFile. It fails with
// ErrNoDaemon when none runs, or none listens because addr is empty.
func Dial(ctx context.Context, addr, tokenFile string) (*Client, error) {
	if addr == "" {
		return nil, ErrNoDaemon
	}
	c := &Client{base: "http://" + addr, http: &http.Client{Timeout: 30 * time.Second}}
	token, err := os.ReadFile(tokenFile)
	if err == nil {
		c.token = strings.TrimSpace(string(token))
	}
	var st Stat
	switch callErr := c.call(ctx, http.MethodGet, pathStat, nil, &st); {
	case callErr == nil:
		return c, nil
	case errors.Is(callErr, syscall.ECONNREFUSED):
		return nil, ErrNoDaemon
	case err != nil:
		return nil, fmt.Errorf("the daemon runs, but its token cannot be read (run as its user or root): %w", err)
	default:
		return nil, callErr
	}
}

// direct is the queue opened by this process.
type direct struct{ o operations }

func (d direct) Stat(context.Context) (Stat, error) { return d.o.stat(), nil }
func (d direct) Items(_ context.Context, after uint64, limit int) ([]Item, error) {
	return d.o.list(after, limit)
}
func (d direct) Parked(context.Context) ([]Item, error)           { return d.o.parked() }
func (d direct) Show(_ context.Context, seq uint64) (Item, error) { return d.o.show(seq) }
func (d direct) Retry(_ context.Context, seq uint64) error        { return d.o.store.Retry(seq) }
func (d direct) Drop(_ context.Context, seq uint64, reason string) error {
	return d.o.store.Drop(seq, reason)
}
func (d direct) Close() error { return d.o.store.Close() }

// Client is a running daemon: its queue and its readers.
type Client struct {
	base, token string
	destination string // whose queue is meant; "" is the one to the platform
	http        *http.Client
}

// of is the path of an operation on the queue that is meant.
func (c *Client) of(path string, query url.Values) string {
	if c.destination != "" {
		if query == nil {
			query = url.Values{}
		}
		query.Set("destination", c.destination)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// Stat returns the state of the queue.
func (c *Client) Stat(ctx context.Context) (s Stat, err error) {
	return s, c.call(ctx, http.MethodGet, c.of(pathStat, nil), nil, &s)
}

// Items lists items that wait, in order, from behind after.
func (c *Client) Items(ctx context.Context, after uint64, limit int) (items []Item, err error) {
	return items, c.call(ctx, http.MethodGet, c.of(pathItems, url.Values{
		"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(limit)},
	}), nil, &items)
}

// Parked lists items that wait for a person.
func (c *Client) Parked(ctx context.Context) (items []Item, err error) {
	return items, c.call(ctx, http.MethodGet, c.of(pathParked, nil), nil, &items)
}

// Show returns one item.
func (c *Client) Show(ctx context.Context, seq uint64) (it Item, err error) {
	return it, c.call(ctx, http.MethodGet, c.of(fmt.Sprintf("%s/%d", pathItems, seq), nil), nil, &it)
}

// Retry has a parked item delivered again.
func (c *Client) Retry(ctx context.Context, seq uint64) error {
	return c.call(ctx, http.MethodPost, c.of(fmt.Sprintf("%s/%d/retry", pathParked, seq), nil), nil, nil)
}

// Drop gives a parked item up for good.
func (c *Client) Drop(ctx context.Context, seq uint64, reason string) error {
	return c.call(ctx, http.MethodPost, c.of(fmt.Sprintf("%s/%d/drop", pathParked, seq), nil), map[string]string{"reason": reason}, nil)
}

// Readers lists the daemon's readers and the devices that could be one.
func (c *Client) Readers(ctx context.Context) (r Readers, err error) {
	return r, c.call(ctx, http.MethodGet, pathReaders, nil, &r)
}

// Approve approves a USB device for use, or takes that back.
func (c *Client) Approve(ctx context.Context, id string, approved bool) error {
	return c.call(ctx, http.MethodPost, pathApprove, approval{id, approved}, nil)
}

// Status fills out with what the daemon says of itself, as the desk's API does.
func (c *Client) Status(ctx context.Context, out any) error {
	return c.call(ctx, http.MethodGet, pathStatus, nil, out)
}

// Close ends idle connections; the daemon goes on.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	return c.request(ctx, method, path, body, out)
}

// request sends body as it is and decodes the answer into out.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon says: %s", strings.TrimSpace(string(b)))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("the daemon's answer is not understood: %w", err)
	}
	return nil
}
