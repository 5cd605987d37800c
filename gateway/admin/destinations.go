package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"cardferry/sync/queue"
)

// sent is the answer to a message that is on disk.
type sent struct {
	ID string `json:"id"`
}

// send queues the body, one HL7 v2 message, for a destination.
func (s *server) send(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if _, ok := s.Destination(name); !ok {
		return nil, errDestination
	}
	msg, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	id, err := s.Send(r.Context(), name, msg)
	switch {
	case err == nil:
		return sent{id}, nil
	case errors.Is(err, queue.ErrFull), errors.Is(err, queue.ErrSuspect), errors.Is(err, queue.ErrClosed):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", errRequest, err)
}

// Destinations fills out with the state of the hospital's systems that messages go back
// to.
func (c *Client) Destinations(ctx context.Context, out any) error {
	return c.call(ctx, http.MethodGet, pathDests, nil, out)
}

// Send queues one HL7 v2 message for a destination and returns its id once it is on disk.
func (c *Client) Send(ctx context.Context, destination string, msg []byte) (id string, err error) {
	var answer sent
	err = c.request(ctx, http.MethodPost, pathDests+"/"+url.PathEscape(destination)+"/messages", bytes.NewReader(msg), &answer)
	return answer.ID, err
}
