package card

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/emrtd"
	"cardferry/drivers/emrtd/chip"

	"github.com/google/go-cmp/cmp"
)

// The invented person of drivers/emrtd/testdata.
const (
	documentZone = "P<UTOMUSTER<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<<L000000X17UTO9003071F3501014<<<<<<<<<<<<<<<0"
	documentKey  = "L000000X1790030713501014"
	documentCAN  = "500540"
)

func documentChip(tb testing.TB, c chip.Config) *chip.Chip {
	tb.Helper()
	c.KeyInfo = documentKey
	c.Files = map[uint16][]byte{}
	for id, name := range map[uint16]string{0x011E: "com", 0x011D: "sod-nist", 0x0101: "dg1", 0x010B: "dg11", 0x010C: "dg12"} {
		b, err := os.ReadFile(filepath.Join("../emrtd/testdata", name+".bin"))
		if err != nil {
			tb.Fatal(err)
		}
		c.Files[id] = b
	}
	return chip.New(c)
}

// document is a chip in a reader.
type document struct {
	*chip.Chip
	said [][]byte
}

func (d *document) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	d.said = append(d.said, slices.Clone(cmd))
	return d.APDU(cmd), ctx.Err()
}

var documentInfo = Info{ATR: []byte{0x3B, 0x89, 0x80, 0x01, 0x4A, 0x43, 0x4F, 0x50, 0x35, 0x31, 0x51}, Protocol: T1, Contactless: true, Reader: "desk"}

func documentEngine(tb testing.TB, answer string, known ...emrtd.Authority) *Engine {
	tb.Helper()
	o := Options{TravelAuthorities: known}
	if answer != "" {
		o.Prompt = func(_ context.Context, p Prompt) (string, error) {
			if p.Kind != PromptMRZ || p.Profile != "emrtd@2" || p.Reader != "desk" || p.Masked {
				tb.Errorf("asked %+v", p)
			}
			return answer, nil
		}
	}
	e, err := NewEngineWith(shipped(tb), o)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// comparableRead is a read in JSON without what differs every time.
func comparableRead(tb testing.TB, read drivers.Read) map[string]any {
	tb.Helper()
	raw, err := json.Marshal(read)
	if err != nil {
		tb.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		tb.Fatal(err)
	}
	maps.DeleteFunc(got, func(k string, _ any) bool { return slices.Contains([]string{"id", "time", "reader", "simulated"}, k) })
	return got
}

// The identifier is the one of a scanned zone (configs/codes/mrz.yaml): system by issuer,
// document number as it stands.
const documentRead = `{
	"medium": "emrtd", "profile": "emrtd@2", "assurance": "chip-read", "partial": false,
	"patient": {
		"resourceType": "Patient",
		"identifier": [{"use": "official", "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PPN"}]},
			"system": "http://hl7.org/fhir/sid/passport-UTO", "value": "L000000X1"}],
		"name": [{"use": "official", "family": "MUSTER", "given": ["ANNA MARIA"]}, {"family": "穆斯特", "given": ["安娜 玛丽亚"]}],
		"telecom": [{"system": "phone", "value": "+99 555 0100"}],
		"gender": "female", "birthDate": "1990-03-07",
		"address": [{"text": "1 SAMPLE STREET, SAMPLE CITY, UTOPIA"}]
	},
	"extras": {"document-type": "P", "document-number": "L000000X1", "card-issuer": "UTO", "card-expires": "2035-01-01", "card-issued": "2025-01-01",
		"nationality": "UTO", "authority": "MINISTRY OF SAMPLES", "personal-number": "UTO-4711", "birth-place": "SAMPLE CITY, UTOPIA"},
	"warnings": [{"code": "document_signer_not_checked"}]
}`

// The shipped profile reads a document, whatever way it opens and whatever the clerk
// types or scans.
func TestShippedDocumentProfile(t *testing.T) {
	var want map[string]any
	if err := json.Unmarshal([]byte(documentRead), &want); err != nil {
		t.Fatal(err)
	}
	pace := []chip.Way{{Cipher: 2, Parameter: 13}}
	for _, tt := range []struct {
		name, answer string
		c            chip.Config
	}{
		{"BAC, scanned zone", documentZone[:44] + "\r\n" + documentZone[44:] + "\r\n", chip.Config{}},
		{"BAC, typed", "L000000X1,900307,350101", chip.Config{}},
		{"PACE, scanned zone", documentZone, chip.Config{PACE: pace}},
		{"PACE, card access number", documentCAN, chip.Config{PACE: pace, CAN: documentCAN}},
		{"application hidden before PACE", documentCAN, chip.Config{PACE: pace, CAN: documentCAN, NoBAC: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read, err := documentEngine(t, tt.answer).Read(t.Context(), &document{Chip: documentChip(t, tt.c)}, documentInfo)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, comparableRead(t, read)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The issuer's signature raises what a read proves.
func TestDocumentOfKnownAuthority(t *testing.T) {
	b, err := os.ReadFile("../emrtd/testdata/csca-nist.cer")
	if err != nil {
		t.Fatal(err)
	}
	known, err := emrtd.ParseAuthority(b)
	if err != nil {
		t.Fatal(err)
	}
	read, err := documentEngine(t, documentZone, known).Read(t.Context(), &document{Chip: documentChip(t, chip.Config{})}, documentInfo)
	if err != nil || read.Assurance != drivers.ChipAuthenticated || len(read.Warnings) != 0 {
		t.Errorf("%v, %v %v", err, read.Assurance, read.Warnings)
	}
}

// withoutLe is a reader under T=0 in front of a chip: a command with data has no Le, and
// its answer is fetched with GET RESPONSE.
type withoutLe struct {
	chip    *chip.Chip
	pending []byte
}

func (w *withoutLe) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if cmd[1] == 0xC0 {
		n := min(int(cmd[4]), len(w.pending))
		if cmd[4] == 0 {
			n = len(w.pending)
		}
		return append(slices.Clone(w.pending[:n]), 0x90, 0x00), ctx.Err()
	}
	if len(cmd) == 5 || cmd[1] == 0xA4 && cmd[0] == 0x00 || cmd[1] == 0x22 {
		return w.chip.APDU(cmd), ctx.Err()
	}
	answer := w.chip.APDU(append(slices.Clone(cmd), 0x00))
	if n := len(answer) - 2; n > 0 {
		w.pending = answer[:n]
		return []byte{0x61, byte(n)}, ctx.Err()
	}
	return answer, ctx.Err()
}

func TestDocumentUnderT0(t *testing.T) {
	info := documentInfo
	info.Protocol, info.Contactless = T0, false
	for name, ways := range map[string][]chip.Way{"BAC": nil, "PACE": {{Cipher: 1, Parameter: 12}}} {
		read, err := documentEngine(t, documentZone).Read(t.Context(), &withoutLe{chip: documentChip(t, chip.Config{PACE: ways})}, info)
		if err != nil || read.Patient == nil {
			t.Errorf("%s: %v, %v", name, read, err)
		}
	}
}

// A document that answers everything wrongly ends the read within the profile's limits.
func TestHostileDocument(t *testing.T) {
	e := documentEngine(t, documentZone)
	for turn, with := range map[string]func(n int, resp []byte) []byte{
		"endless 61xx":       func(_ int, resp []byte) []byte { return append(resp[:len(resp)-2], 0x61, 0x10) },
		"endless 6Cxx":       func(n int, _ []byte) []byte { return []byte{0x6C, byte(n)} },
		"one byte at a time": func(_ int, resp []byte) []byte { return append(slices.Clone(resp[:min(1, len(resp)-2)]), 0x90, 0x00) },
		"no status word":     func(int, []byte) []byte { return []byte{0x90} },
		"unprotected":        func(int, []byte) []byte { return []byte{0x90, 0x00} },
	} {
		for from := range 24 {
			x := &tampered{Channel: &document{Chip: documentChip(t, chip.Config{})}, with: func(n int, resp []byte) []byte {
				if n <= from {
					return resp
				}
				return with(n, slices.Clone(resp))
			}}
			read, err := e.Read(t.Context(), x, documentInfo)
			if x.n > 400+len(e.profiles)*probeAPDUs || err == nil && read.Medium == "" {
				t.Errorf("%s from command %d on: %d commands, %v", turn, from, x.n, err)
			}
			if err != nil && (strings.Contains(err.Error(), "L000000X1") || strings.Contains(err.Error(), "900307")) {
				t.Errorf("%s: the key is in the error", turn)
			}
		}
	}
}

// A document that does not open is told in words, after one try at most.
func TestDocumentTold(t *testing.T) {
	altered := documentChip(t, chip.Config{})
	pace := []chip.Way{{Cipher: 2, Parameter: 12}}
	for _, tt := range []struct {
		name, answer string
		c            *chip.Chip
		change       func(cmd, answer []byte)
		tries        int
		warnings     []string
	}{
		{"nobody to ask", "", documentChip(t, chip.Config{}), nil, 0, []string{"needs_can"}},
		{"not a key", "ANNA", documentChip(t, chip.Config{}), nil, 0, []string{"needs_can", "key_malformed"}},
		{"wrong check digit", strings.Replace(documentZone, "X17", "X18", 1), documentChip(t, chip.Config{}), nil, 0, []string{"needs_can", "key_malformed"}},
		{"another document's zone", "L000000X2,900307,350101", documentChip(t, chip.Config{}), nil, 1, []string{"needs_can", "key_refused"}},
		{"wrong access number", "500541", documentChip(t, chip.Config{PACE: pace, CAN: documentCAN}), nil, 1, []string{"needs_can", "key_refused"}},
		{"access number where only the zone opens", documentCAN, documentChip(t, chip.Config{}), nil, 0, []string{"needs_can", "key_refused"}},
		{"no way in that is known", documentZone, documentChip(t, chip.Config{NoBAC: true, PACE: []chip.Way{{Cipher: 7, Parameter: 13}}}), nil, 0, []string{"document_type_unsupported"}},
		{"altered", documentZone, altered, nil, 1, []string{"document_altered"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.c == altered {
				c := chip.Config{KeyInfo: documentKey, Files: map[uint16][]byte{}}
				for id, name := range map[uint16]string{0x011D: "sod-nist", 0x0101: "dg1"} {
					c.Files[id] = documentFile(t, name)
				}
				c.Files[0x0101][20] = 'X'
				tt.c = chip.New(c)
			}
			read, err := documentEngine(t, tt.answer).Read(t.Context(), &document{Chip: tt.c}, documentInfo)
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, w := range read.Warnings {
				codes = append(codes, w.Code)
			}
			if !slices.Equal(codes, tt.warnings) || read.Patient != nil || read.Assurance != drivers.UIDOnly || tt.c.Tries != tt.tries {
				t.Errorf("%v, patient %v, %v, %d tries", codes, read.Patient != nil, read.Assurance, tt.c.Tries)
			}
		})
	}
}

func documentFile(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("../emrtd/testdata", name+".bin"))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// A document that leaves at any command ends the read with ErrCardRemoved.
func TestDocumentPulled(t *testing.T) {
	e := documentEngine(t, documentZone)
	for n := 0; ; n++ {
		read, err := e.Read(t.Context(), &after{&document{Chip: documentChip(t, chip.Config{})}, n, fmt.Errorf("transmit: %w", drivers.ErrCardRemoved)}, documentInfo)
		if err == nil {
			if n < 20 {
				t.Errorf("whole read with %d commands", n)
			}
			return
		}
		if !errors.Is(err, drivers.ErrCardRemoved) || read.Patient != nil {
			t.Fatalf("after %d commands: %v", n, err)
		}
	}
}

// A recording of a document holds neither key nor person, and nothing with which the
// key could be guessed.
func TestDocumentRecording(t *testing.T) {
	d := &document{Chip: documentChip(t, chip.Config{})}
	doc, read, err := Record(t.Context(), d, documentInfo, documentEngine(t, documentZone))
	if err != nil || read.Patient == nil {
		t.Fatalf("%v, %v", read, err)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"L000000X", "MUSTER", fmt.Sprintf("%X", "MUSTER"), fmt.Sprintf("%X", "L000000X")} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s is in the recording", secret)
		}
	}
	for _, x := range doc.Exchange {
		if x.C[0] == 0x0C || x.C[1] == 0x82 || x.C[1] == 0x84 || x.C[1] == 0x86 {
			t.Errorf("%X is in the recording", []byte(x.C))
		}
	}
	if !slices.ContainsFunc(doc.Notes, func(n string) bool { return strings.Contains(n, "left out") }) || len(d.said) < len(doc.Exchange)+20 {
		t.Errorf("notes %q, %d of %d exchanges", doc.Notes, len(doc.Exchange), len(d.said))
	}
}

// The document reader gets through the guard only what opens with the key on the
// document and reads.
func TestDocumentGuard(t *testing.T) {
	for _, good := range []string{"00A4000C023F00", "00A4040C07A0000002471001", "00B0000004", "0084000008", "0022C1A40F800A04007F00070202040202830101", "10860000027C0000", "0CB000000D9701048E08ED6705417E96BA5500"} {
		if c, err := parseCommand(unhex(t, good)); err != nil || permitDocument(c) != nil {
			t.Errorf("%s does not get through", good)
		}
	}
	for name, bad := range map[string]string{
		"PIN as password": "0022C1A40F800A04007F00070202040202830103", "PUK as password": "0022C1A40F800A04007F00070202040202830104", "no password": "0022C1A40C800A04007F00070202040202",
		"set for signing": "002241B60F800A04007F00070202040202830101", "VERIFY": "0020000106313233343536", "UPDATE BINARY": "00D6000001FF", "protected UPDATE BINARY": "0CD600000D9701048E08ED6705417E96BA5500",
		"protected without checksum": "0CB0000003970104", "RESET RETRY COUNTER": "002C020306313233343536", "SELECT with FCI": "00A40400023F00", "EXTERNAL AUTHENTICATE of another size": "0082000008010203040506070808",
	} {
		if c, err := parseCommand(unhex(t, bad)); err == nil && permitDocument(c) == nil {
			t.Errorf("%s gets through", name)
		}
	}
}
