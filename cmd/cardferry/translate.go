package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"cardferry/hl7"
	"cardferry/hl7/fhir"
)

// translator is the daemon's translation without the daemon.
type translator struct {
	t    *fhir.Translator
	opts hl7.Options
}

// bundle translates one message. Without a daemon there is no site key: the
// idempotency key is the plain hash of the message.
func (t *translator) bundle(raw []byte) ([]byte, error) {
	m, err := hl7.Parse(raw, t.opts)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	res, err := t.t.Translate(m, hex.EncodeToString(sum[:20]))
	return res.Bundle, err
}

// explain prints where each element of a Bundle comes from, and what has no row.
func (t *translator) explain(out io.Writer, raw []byte) error {
	m, err := hl7.Parse(raw, t.opts)
	if err != nil {
		return err
	}
	_, origins, err := t.t.Explain(m, "explain")
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ENTRY\tELEMENT\tFROM\tROW")
	for _, o := range origins {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.Entry, o.Path, o.Position, o.Row)
	}
	return w.Flush()
}

// lines translates until in ends. A message that cannot be translated yields
// {"id","error"} and the next one goes on.
func (t *translator) lines(in io.Reader, out io.Writer) error {
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 64<<10), maxInput)
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for scan.Scan() {
		if len(scan.Bytes()) == 0 {
			continue
		}
		if err := enc.Encode(t.line(scan.Bytes())); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return scan.Err()
}

type translated struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Bundle json.RawMessage `json:"bundle,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func (t *translator) line(b []byte) translated {
	var in struct {
		ID  json.RawMessage `json:"id"`
		HL7 string          `json:"hl7"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return translated{Error: fmt.Sprintf("not a JSON line: %v", err)}
	}
	bundle, err := t.bundle([]byte(in.HL7))
	if err != nil {
		return translated{ID: in.ID, Error: err.Error()}
	}
	return translated{ID: in.ID, Bundle: bundle}
}
