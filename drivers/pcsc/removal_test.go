//go:build cgo

package pcsc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardferry/drivers"
	"cardferry/drivers/rig/vcard"
)

// soak says whether the long forms of tests are wanted: CARDFERRY_SOAK=1.
func soak() bool { return os.Getenv("CARDFERRY_SOAK") != "" }

// pulled is a card that is pulled at the command after so many, or never if negative.
type pulled struct {
	vcard.Card
	left     int
	answered *atomic.Int32
}

func (p *pulled) APDU(cmd []byte) []byte {
	if p.left == 0 {
		return nil
	}
	p.left--
	p.answered.Add(1)
	return p.Card.APDU(cmd)
}

// pull is one card, pulled at one command.
type pull struct {
	file     string
	after    int32 // negative: never
	answered atomic.Int32
}

// A card pulled at any command of any profile is one thing for the clerk: it was there
// and it left. The next card in that reader is read. In the short form one card of every
// profile is pulled, at some of its commands if there are very many; CARDFERRY_SOAK=1 pulls
// all cards at all commands.
func TestPulledAtEveryCommand(t *testing.T) {
	const most = 160 // pulls in the short form
	all := allReaders(t)
	r := start(t, shippedProfiles(t).Read)
	r.attached(all)

	files := replayFiles(t)
	if !soak() {
		files = onePerProfile(t, files)
	}
	// Each card is read once, which tells how many commands it takes.
	var whole, pulls []*pull
	for _, file := range files {
		whole = append(whole, &pull{file: file, after: -1})
	}
	r.inTurn(all, whole)
	for _, w := range whole {
		for n := range w.answered.Load() {
			pulls = append(pulls, &pull{file: w.file, after: n})
		}
	}
	if len(pulls) < len(files) {
		t.Errorf("%d cards took %d commands", len(files), len(pulls))
	}
	step := 1
	if !soak() {
		step = (len(pulls) + most - 1) / most
	}
	var chosen []*pull
	for i := 0; i < len(pulls); i += step {
		chosen = append(chosen, pulls[i])
	}
	r.inTurn(all, chosen)
	r.inTurn(all, whole) // the next cards
	t.Logf("%d cards, pulled at %d of %d commands", len(files), len(chosen), len(pulls))
}

// inTurn puts cards into all readers, one in each at a time, and checks what is said of
// each.
func (r *running) inTurn(all []rigReader, pulls []*pull) {
	r.Helper()
	for len(pulls) > 0 {
		now := pulls[:min(len(pulls), len(all))]
		pulls = pulls[len(now):]
		for i, p := range now {
			p.answered.Store(0)
			r.insertQuietly(i, &pulled{Card: replayed(r, p.file), left: int(p.after), answered: &p.answered})
		}
		for i, p := range now {
			name := filepath.Base(p.file)
			if p.after < 0 {
				got := r.expect(all[i].name, drivers.Presented, drivers.Completed).Read
				if diff := cmp.Diff(golden(r, p.file), withoutMoment(r, *got)); diff != "" {
					r.Errorf("%s: read differs (-offline +pcsc):\n%s", name, diff)
				}
				r.remove(i)
			}
			want := []drivers.EventType{drivers.Presented, drivers.Removed}
			if p.after < 0 {
				want = want[1:]
			}
			r.expect(all[i].name, want...)
			if p.after >= 0 && p.answered.Load() != p.after {
				r.Errorf("%s: answered %d commands before it was pulled, want %d", name, p.answered.Load(), p.after)
			}
		}
	}
}

// onePerProfile returns the first card of each profile.
func onePerProfile(t *testing.T, files []string) []string {
	t.Helper()
	seen := map[string]bool{}
	var first []string
	for _, file := range files {
		b, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".read.json")
		if err != nil {
			t.Fatal(err)
		}
		var read drivers.Read
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatal(err)
		}
		if !seen[read.Profile] {
			seen[read.Profile] = true
			first = append(first, file)
		}
	}
	return first
}
