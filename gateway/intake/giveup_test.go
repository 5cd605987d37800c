package intake

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/gateway/keys"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// The first part of a message whose second never comes is on its way after the
// time it is given, without anyone asking.
func TestUnfinishedMessageIsGivenUpByItself(t *testing.T) {
	k, err := keys.Open(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	seal, _, err := k.Sealing("intake")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		stored := make(chan string)
		i, err := New(Options{
			Enqueue: func(_ context.Context, it queue.Item) (queue.Receipt, error) {
				stored <- string(it.Payload)
				return queue.Receipt{}, nil
			},
			ItemID: k.ItemID, Lane: k.Lane, StateDir: dir, Seal: seal, PartWait: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := i.Close(); err != nil {
				t.Error(err)
			}
		}()
		began := time.Now()
		wantAck(t, string(i.Handle(t.Context(), []byte(part1), mllp.Peer{}).ACK), "AA", "1")
		if got := <-stored; got != part1 {
			t.Errorf("%q", got)
		}
		if after := time.Since(began); after < time.Hour || after > 2*time.Hour {
			t.Errorf("after %v", after)
		}
	})
}
