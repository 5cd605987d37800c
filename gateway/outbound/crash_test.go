package outbound

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"
)

// These make this test binary a process that can be killed.
const (
	childEnv     = "CARDFERRY_TEST_OUTBOUND"
	childAddrEnv = "CARDFERRY_TEST_OUTBOUND_ADDR"
)

// child sends what it reads on standard input, one control id a line, and writes
// each id back once Send returned.
func child(dir, addr string) int {
	o := options(dir, Destination{Name: "his", Addr: addr, AckTimeout: 5 * time.Second})
	out, err := New(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = out.Run(context.Background()) }() // the process ends by being killed
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if _, err := out.Send(context.Background(), "his", []byte(oru(in.Text()))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(in.Text())
	}
	return 0 // the killer is gone
}

// victim is the child as its killer sees it.
type victim struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func spawn(t *testing.T, dir, addr string) *victim {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, childAddrEnv+"="+addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &victim{cmd, in, bufio.NewScanner(out)}
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}

// TestKillNine kills the sender with SIGKILL in the middle of its work: whatever
// Send had returned for arrives, first in order, and a repeat has the same bytes.
func TestKillNine(t *testing.T) {
	if testing.Short() {
		t.Skip("8 rounds of kill -9")
	}
	const rounds = 8
	dir := t.TempDir()
	h := newHIS(t, nil).start("")
	var durable []string
	for round := range rounds {
		v := spawn(t, dir, h.addr())
		most := 5 + rand.IntN(60)
		var feeding sync.WaitGroup
		feeding.Go(func() {
			for n := range 200 {
				if _, err := fmt.Fprintf(v.in, "K%02d-%03d\n", round, n); err != nil {
					return // it was killed
				}
			}
		})
		for n := 0; n < most && v.out.Scan(); n++ {
			durable = append(durable, v.out.Text())
		}
		v.kill()
		feeding.Wait()
	}
	last := spawn(t, dir, h.addr())
	defer last.kill()
	_, _ = fmt.Fprintln(last.in, "LAST")
	var first []string
	seen, repeats := map[string]bool{}, 0
	for id := ""; id != "LAST"; {
		if id = h.next(); seen[id] {
			repeats++
			continue
		}
		seen[id] = true
		first = append(first, id)
	}
	for _, id := range durable {
		if !seen[id] {
			t.Errorf("%s was durable and never arrived", id)
		}
	}
	if !slices.IsSorted(first) { // LAST sorts behind K…
		t.Error("messages arrived out of order")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, bodies := range h.bodies {
		for _, b := range bodies {
			if b != oru(id) {
				t.Errorf("%s arrived with other bytes", id)
			}
		}
	}
	t.Logf("%d durable over %d kills, %d arrived, %d repeats", len(durable), rounds, len(first), repeats)
	if len(durable) < rounds*5 {
		t.Errorf("only %d messages were durable: this proves little", len(durable))
	}
}
