package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cardferry/drivers"
	"cardferry/gateway/desk"
	"cardferry/sync/queue"
)

// onEvent takes one event of a reader: the clerk's desk sees it at once, and a
// read that says who somebody is goes into the queue.
func (g *Gateway) onEvent(ctx context.Context, e drivers.Event) {
	g.metrics.event(e)
	g.desk.Publish(e)
	switch e.Type {
	case drivers.Completed:
		g.log.Info("read", "reader", e.Reader.Name, "read", *e.Read)
		if e.Read.Patient != nil && len(e.Read.Patient.Identifier) > 0 {
			g.enqueueRead(ctx, *e.Read)
		}
	case drivers.Faulted:
		g.log.Warn("reader fault", "reader", e.Reader.Name, "code", e.Fault.Code, "detail", e.Fault.Detail)
	default:
		g.log.Info("reader", "event", e.Type, "reader", e.Reader.Name)
	}
}

// enqueueRead hands a read upwards. The desk has shown it already: a full disk
// must not keep the clerk from working, so it is told as a condition.
func (g *Gateway) enqueueRead(ctx context.Context, r drivers.Read) {
	it, err := g.readItem(r)
	if err == nil {
		_, err = g.store.Enqueue(ctx, it)
	}
	const condition = "read_not_queued"
	switch {
	case err == nil:
		g.health.clear(condition)
	case ctx.Err() != nil:
	default:
		g.log.Error("read not queued", "read", r, "error", err)
		g.health.raise(condition, desk.SeverityError)
	}
}

func (g *Gateway) readItem(r drivers.Read) (queue.Item, error) {
	payload, err := json.Marshal(r)
	if err != nil {
		return queue.Item{}, fmt.Errorf("encode read: %w", err)
	}
	first := r.Patient.Identifier[0]
	return queue.Item{
		ID:       r.ID,
		Lanes:    []queue.Lane{queue.Lane(g.keys.Lane("identifier", first.System, first.Value))},
		Class:    queue.Express,
		Kind:     queue.KindCardRead,
		Source:   r.Reader,
		Received: r.Time,
		Payload:  payload,
	}, nil
}

// runDriver runs one driver until ctx ends. A driver that can never work here is
// told as a condition; the others go on.
func (g *Gateway) runDriver(ctx context.Context, d drivers.Driver) {
	err := d.Run(ctx, func(e drivers.Event) { g.onEvent(ctx, e) })
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, drivers.ErrNotBuilt):
		g.health.raise("driver_"+d.Name(), desk.SeverityWarning)
		g.log.Warn("driver left out", "driver", d.Name(), "reason", err)
	default:
		g.health.raise("driver_"+d.Name(), desk.SeverityError)
		g.log.Error("driver ended", "driver", d.Name(), "error", err)
	}
}
