package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cardferry/drivers"
)

// maxAnswer bounds what a client takes; a read with a photo is tens of kilobytes.
const maxAnswer = 8 << 20

// NextRead waits at a running desk for the next read, or for the next fault that
// tells why there is none, of one reader ("" is any). addr is host:port of the
// desk's listener. A fault is returned as [*ReaderFaultError].
func NextRead(ctx context.Context, addr, reader string) (drivers.Read, error) {
	c := http.Client{Timeout: defaultWait + 10*time.Second}
	defer c.CloseIdleConnections()
	get := func(path string, out any) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return fmt.Errorf("ask the desk: %w", err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		switch {
		case err != nil:
			return fmt.Errorf("ask the desk: %w", err)
		case resp.StatusCode != http.StatusOK:
			return fmt.Errorf("the desk answers %s", resp.Status)
		}
		return json.Unmarshal(b, out)
	}
	type log struct {
		Cursor uint64  `json:"cursor"`
		Events []Event `json:"events"`
	}
	// Where the log ends now: nothing that was read before is shown.
	var end log
	if err := get("/v1/reads/next?wait=0s", &end); err != nil {
		return drivers.Read{}, err
	}
	for cursor := end.Cursor; ; {
		var batch log // a new one: decoding would leave an older event's fields in its place
		if err := get("/v1/reads/next?after="+strconv.FormatUint(cursor, 10), &batch); err != nil {
			return drivers.Read{}, err
		}
		cursor = batch.Cursor
		for _, e := range batch.Events {
			switch {
			case reader != "" && !strings.EqualFold(e.Reader, reader):
			case e.Type == CardRead || e.Type == CodeRead:
				var read drivers.Read
				err := get("/v1/reads/"+url.PathEscape(e.ID), &read)
				return read, err
			case e.Type == ReaderFault && e.Reader != "":
				return drivers.Read{}, &ReaderFaultError{e.Reader, *e.Fault}
			}
		}
	}
}

// ReaderFaultError says that a reader could not read.
type ReaderFaultError struct {
	Reader string
	Fault  drivers.Fault
}

// Error names reader, code and detail; it holds nothing of a card.
func (e *ReaderFaultError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Reader, e.Fault.Code, e.Fault.Detail)
}

// IsReaderFault says whether err is a fault that presenting the card again may cure.
func IsReaderFault(err error) bool {
	var f *ReaderFaultError
	return errors.As(err, &f)
}
