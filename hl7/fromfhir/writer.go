package fromfhir

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"cardferry/hl7"
)

// writer builds one message. The first error is kept, and later calls write
// what nobody will see.
type writer struct {
	o   Options
	doc []byte
	in  *input
	b   *hl7.Builder
	err error
}

func begin(doc []byte, o Options) (*writer, error) {
	in, err := read(doc)
	if err != nil {
		return nil, err
	}
	return &writer{o: o, doc: doc, in: in}, nil
}

func (w *writer) fail(path string, err error, detail string) {
	if w.err == nil {
		w.err = &Error{Path: path, Err: err, Detail: detail}
	}
}

func (w *writer) decode(n int, v any, path string) {
	if err := w.in.decode(n, v, path); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) bytes() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	out, err := w.b.Bytes()
	if err != nil {
		return nil, &Error{Err: ErrUnsupported, Detail: err.Error()}
	}
	return out, nil
}

// header writes MSH. MSH-10 is a hash of the ids and versions of the resources
// that the message is about, so that a repeat has the same one and a later version
// another; without an id it is that of the whole input. clock are the times that
// MSH-7 is taken from, the best first.
func (w *writer) header(code, trigger, structure string, about []*head, path string, clock ...string) {
	if w.o.Event != "" {
		trigger = w.o.Event
	}
	h := sha256.New()
	for _, r := range about {
		if r.ID == "" || r.version() == "" {
			h.Reset()
			_, _ = h.Write(w.doc)
			break
		}
		_, _ = h.Write([]byte(r.ResourceType + "/" + r.ID + "\n" + r.version() + "\n"))
	}
	_, _ = h.Write([]byte(trigger))
	// MSH-10 has at most 20 characters (HL7 v2.5.1, 2.15.9.10): 100 bits.
	id := base32.StdEncoding.EncodeToString(h.Sum(nil))[:20]

	sent := w.o.Time
	for _, s := range append([]string{about[0].lastUpdated()}, clock...) {
		if t, err := time.Parse(time.RFC3339, s); err == nil && sent.IsZero() && t.Year() > 0 {
			sent = t
		}
	}
	if sent.IsZero() {
		w.fail(path+".meta.lastUpdated", ErrMissing, "MSH-7 is the time of the message; set Options.Time")
	}
	w.b = hl7.NewMessage(hl7.Header{
		SendingApplication: w.o.SendingApplication, SendingFacility: w.o.SendingFacility,
		ReceivingApplication: w.o.ReceivingApplication, ReceivingFacility: w.o.ReceivingFacility,
		Time: sent, Code: code, Trigger: trigger, Structure: structure, ControlID: id,
		ProcessingID: w.o.ProcessingID, Version: "2.5.1", Charset: w.o.Charset,
	})
}

// notes writes NTE segments, a repetition of NTE-3 for each line (HL7 v2.5.1,
// 2.15.10).
func (w *writer) notes(texts ...string) {
	n := 0
	for _, t := range texts {
		lines := linesOf(t)
		if len(lines) == 0 {
			continue
		}
		n++
		w.b.Segment("NTE").Set(1, number(n)).Set(3, lines...)
	}
}

// linesOf is a text as one value for each line; none for a text of blanks.
func linesOf(s string) []hl7.Data {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var out []hl7.Data
	for line := range strings.SplitSeq(s, "\n") {
		out = append(out, hl7.ST(strings.TrimSuffix(line, "\r")))
	}
	return out
}

func number(n int) hl7.Data { return hl7.ST(strconv.Itoa(n)) }

// at is the path of the ith element of a list.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
