package intake

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"cardferry/gateway/keys"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// victimFlag is set for the process that is killed in the middle of its work, in
// its working directory.
const victimFlag = "CARDFERRY_INTAKE_VICTIM"

// openVictim opens everything the way both processes do.
func openVictim(dir string) (*queue.Store, *Intake, error) {
	k, err := keys.Open(dir+"/keys", false)
	if err != nil {
		return nil, nil, err
	}
	store, err := queue.Open(dir+"/queue", queue.Options{Keys: k, SegmentBytes: 1 << 20})
	if err != nil {
		return nil, nil, err
	}
	i, err := New(Options{
		Enqueue: store.Enqueue, ItemID: k.ItemID, Lane: k.Lane, StateDir: dir + "/intake",
		Senders: []Sender{{Name: "his", Application: "HIS", Sequence: true}},
	})
	return store, i, err
}

// victim takes numbered messages in, and tells each one that it accepts.
func victim() {
	_, i, err := openVictim(".")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for n := 1; ; n++ {
		id := strconv.Itoa(n)
		reply := i.Handle(context.Background(), []byte(adt(id, id)), mllp.Peer{})
		if field(string(reply.ACK), "MSA", 1) != "AA" {
			fmt.Printf("%q\n", reply.ACK)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// A killed process has stored what it accepted, goes on with the right sequence
// number and remembers control ids, all but those of its last moment.
func TestKilledProcess(t *testing.T) {
	const (
		enough     = 200 // messages accepted before the kill
		lastMoment = 100
	)
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), victimFlag+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Error(lines.Text())
			break
		}
		if accepted = n; accepted == enough {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if accepted < enough {
		t.Fatal("it ended by itself")
	}

	store, i, err := openVictim(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	headers, err := store.List(queue.Filter{Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	if len(headers) < accepted || len(headers) > accepted+1 {
		t.Errorf("%d accepted, %d stored", accepted, len(headers))
	}
	say := func(msg string) string { return string(i.Handle(t.Context(), []byte(msg), mllp.Peer{}).ACK) }
	next, err := strconv.Atoi(field(say("MSH|^~\\&|HIS|H1^1.2.3^ISO|||||^|q|P|2.5|0\r"), "MSA", 4))
	if err != nil || next < accepted+1 || next > accepted+2 {
		t.Errorf("expects %d after %d, %v", next, accepted, err)
	}
	for n := 1; n <= accepted-lastMoment; n++ {
		id := strconv.Itoa(n)
		if ack := say(strings.Replace(adt(id, id), "JOHN", "JANE", 1)); field(ack, "MSA", 1) != "AE" {
			t.Fatalf("control id %d: %q", n, ack)
		}
	}
	wantAck(t, say(adt(strconv.Itoa(accepted), strconv.Itoa(accepted))), "AA", strconv.Itoa(accepted))
}
