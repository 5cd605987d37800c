package intake

import (
	"context"
	"sync"

	"cardferry/hl7/mllp"
)

// maxWave is how many messages of a batch are stored at once. The queue commits
// what comes together in one go, so a batch takes as many commits as waves.
const maxWave = 64

// messages takes the messages of a batch in and returns their answers in order.
// Messages that have nothing to do with each other are stored together; those
// that share a lane or a control id one after the other, as they stand. After an
// answer that must be withheld the rest is left alone.
func (i *Intake) messages(ctx context.Context, raws [][]byte, peer mllp.Peer) []answer {
	answers := make([]answer, len(raws))
	w := wave{i: i, ctx: ctx, peer: peer, answers: answers}
	for n, raw := range raws {
		in, a, ok := i.read(raw, peer)
		if !ok {
			answers[n] = a
			continue
		}
		if !w.add(n, in) {
			return answers
		}
	}
	w.run()
	return answers
}

// wave is a set of messages that can be stored at once.
type wave struct {
	i       *Intake
	ctx     context.Context
	peer    mllp.Peer
	answers []answer
	index   []int // of its messages among the answers
	msgs    []incoming
	held    map[string]bool // lanes and control ids of its messages
}

// add puts a message into the wave, after running it if they must not meet.
// False when an answer was withheld.
func (w *wave) add(n int, in incoming) bool {
	keys, alone := w.i.reserves(in)
	meets := alone || len(w.msgs) >= maxWave
	for _, k := range keys {
		meets = meets || w.held[k]
	}
	if meets && !w.run() {
		return false
	}
	w.index, w.msgs = append(w.index, n), append(w.msgs, in)
	if w.held == nil {
		w.held = map[string]bool{}
	}
	for _, k := range keys {
		w.held[k] = true
	}
	return !alone || w.run()
}

// run takes in what the wave holds and empties it. False when an answer was
// withheld.
func (w *wave) run() bool {
	var all sync.WaitGroup
	for k, in := range w.msgs {
		all.Go(func() {
			defer func() {
				if recover() != nil { // as the server does: it was not acknowledged and comes again
					w.answers[w.index[k]] = answer{withhold: true}
				}
			}()
			w.answers[w.index[k]] = w.i.take(w.ctx, in, w.peer)
		})
	}
	all.Wait()
	good := true
	for _, n := range w.index {
		good = good && !w.answers[n].withhold
	}
	w.index, w.msgs = w.index[:0], w.msgs[:0]
	clear(w.held)
	return good
}

// reserves names what a message must not share with one that is stored at the
// same time; alone says that it must have the wave for itself.
func (i *Intake) reserves(in incoming) (keys []string, alone bool) {
	c := in.m.Continuation()
	if in.s.sequence != nil || isQuery(in.m.At(pathType).Raw()) || c.From != "" || c.To != "" {
		return nil, true
	}
	for _, l := range i.lanes(in.m, rawText(in.m, pathSender), rawText(in.m, pathFacility)) {
		keys = append(keys, string(l))
	}
	return append(keys, "MSH-10 "+string(in.m.ControlID())), false
}
