package card

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// everyReplay are the cards of all profiles' tests and of testdata.
func everyReplay(tb testing.TB, e *Engine) map[string]*isocard.Card {
	tb.Helper()
	all := shippedReplays(tb, e)
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		tb.Fatal(err)
	}
	for _, n := range names {
		if !strings.HasSuffix(n, ".read.json") {
			all[filepath.Base(n)] = vectorCard(tb, strings.TrimSuffix(filepath.Base(n), ".json"))
		}
	}
	return all
}

// texts are the strings of a JSON tree.
func texts(v any, found func(string)) {
	switch x := v.(type) {
	case map[string]any:
		for _, c := range x {
			texts(c, found)
		}
	case []any:
		for _, c := range x {
			texts(c, found)
		}
	case string:
		found(x)
	}
}

// inEveryForm are the bytes that a value may have on a card.
func inEveryForm(s string) [][]byte {
	forms := [][]byte{[]byte(s)}
	for _, c := range []encoding.Encoding{charmap.ISO8859_1, charmap.ISO8859_15, charmap.Windows874, charmap.Windows1252, simplifiedchinese.GB18030, traditionalchinese.Big5,
		unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)} {
		if b, err := c.NewEncoder().Bytes([]byte(s)); err == nil {
			forms = append(forms, b)
		}
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	for _, d := range []string{digits, digits + "F", "0" + digits} {
		if b, err := hex.DecodeString(d); err == nil && len(bytes.Trim(b, "\x00")) >= 3 && len(b) >= 4 {
			forms = append(forms, b)
		}
	}
	if b, err := hex.DecodeString(s); err == nil && len(b) >= 4 {
		forms = append(forms, b)
	}
	if len(digits) >= 4 {
		forms = append(forms, []byte(digits))
	}
	return forms
}

// The canary: nothing that a card said of its holder is in its recording, in any
// form, compressed or not. And the recording reads the same way.
func TestRecordingHoldsNoValue(t *testing.T) {
	e := shippedEngine(t)
	constants := map[string]bool{}
	for _, p := range e.Profiles() {
		for _, c := range p.spec.Constants {
			constants[c.Val] = true
		}
	}
	blanked := 0
	for name, card := range everyReplay(t, e) {
		t.Run(name, func(t *testing.T) {
			card.Reset()
			ch, info := Emulate(card)
			engine := e.withKeysOf(card)
			spoken := &spoken{Channel: ch}
			doc, read, err := Record(t.Context(), spoken, info, engine)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			plain := allPlain(doc)
			values := 0
			check := func(s string) {
				if utf8.RuneCountInString(s) < 4 || constants[s] || isStructural(s) {
					return
				}
				values++
				for _, form := range inEveryForm(s) {
					if len(form) >= 4 && spoken.said(form) && bytes.Contains(plain, form) {
						t.Errorf("a value of %d bytes shows: %q %X", len(form), s, form)
					}
				}
			}
			tree := map[string]any{}
			if b, err := json.Marshal(read); err == nil {
				_ = json.Unmarshal(b, &tree)
			}
			for _, part := range []string{"patient", "coverage", "extras"} {
				texts(tree[part], check)
			}
			again, err := engine.Replay(t.Context(), bytes.NewReader(raw))
			if err != nil || again.Medium != read.Medium || again.Profile != read.Profile || len(doc.Notes) != 0 && strings.Contains(strings.Join(doc.Notes, " "), "does not read") {
				t.Errorf("read again: %s, %v; notes %q", again.Medium, err, doc.Notes)
			}
			if (again.Patient == nil) != (read.Patient == nil) && !strings.Contains(strings.Join(doc.Notes, " "), "blanked") && !strings.Contains(strings.Join(doc.Notes, " "), "left out") {
				t.Errorf("the recording has %v patient; notes %q, warnings %v", again.Patient, doc.Notes, again.Warnings)
			}
			if values == 0 && read.Patient != nil {
				t.Error("no value was looked for")
			}
			heard := readAnswers(spoken.dialogue)
			if strings.HasPrefix(name, "it-ts-cns") {
				heard = nil // its lengths are ASCII hex digits and look like somebody's
			}
			for i := 0; i+4 <= len(heard); i++ {
				if run := heard[i : i+4]; personal(run) && bytes.Contains(readAnswers(doc.Exchange), run) && !constantOf(e, run) {
					t.Errorf("four bytes of the original at %d: %X", i, run)
					break
				}
			}
			if slices.Contains(doc.Notes, "values are blanked") {
				blanked++
			}
		})
	}
	if blanked > 0 {
		t.Errorf("%d recordings could not be masked by kind", blanked)
	}
}

// isStructural says whether a text of a read does not come from the holder's data.
func isStructural(s string) bool {
	switch s {
	case "Patient", "Coverage", "Organization", "official", "secondary", "active", "male", "female", "home", "unknown", "other":
		return true
	}
	return strings.HasPrefix(s, "http") || strings.HasPrefix(s, "urn:")
}

// readAnswers is what a card answered to READ and GET DATA.
func readAnswers(dialogue []isocard.Exchange) []byte {
	var out []byte
	reading := false
	for _, x := range dialogue {
		if x.C[1] != 0xC0 {
			reading = x.C[1] != 0xA4
		}
		if reading {
			out = append(out, x.R[:len(x.R)-2]...)
			out = append(out, 0, 0, 0, 0)
		}
	}
	return out
}

// personal says whether four bytes look like somebody's: letters and digits, or
// characters of a charset of two bytes.
func personal(run []byte) bool {
	high := 0
	for _, c := range run {
		if filler(c) || c < '0' {
			return false
		}
		if c >= 0x80 {
			high++
		}
	}
	return high == 0 || high == 4
}

// constantOf says whether a profile compares cards with these bytes.
func constantOf(e *Engine, run []byte) bool {
	return slices.ContainsFunc(e.Profiles(), func(p *Profile) bool {
		text, err := os.ReadFile("../../configs/cards/" + p.File())
		head, _, _ := strings.Cut(string(text), "\ntests:")
		return err == nil && (strings.Contains(head, string(run)) || strings.Contains(strings.ToUpper(head), hexed(run)))
	})
}

// spoken remembers what the card said.
type spoken struct {
	Channel
	b        []byte
	dialogue []isocard.Exchange
}

func (s *spoken) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	resp, err := s.Channel.Transmit(ctx, cmd)
	if err == nil && len(resp) > 2 {
		s.dialogue = append(s.dialogue, isocard.Exchange{C: bytes.Clone(cmd), R: bytes.Clone(resp)})
		s.b = append(append(s.b, resp[:len(resp)-2]...), plainOf(resp)...)
	}
	return resp, err
}

func (s *spoken) said(form []byte) bool { return bytes.Contains(s.b, form) }

// plainOf inflates what is compressed in a response.
func plainOf(resp []byte) []byte {
	var out []byte
	for i := 0; i+3 < len(resp); i++ {
		if resp[i] == 0x1F && resp[i+1] == 0x8B {
			if text, _, _, ok := inflate(resp[i:]); ok {
				out = append(out, text...)
			}
		}
	}
	return out
}

func allPlain(doc Replay) []byte {
	var out []byte
	for _, x := range doc.Exchange {
		out = append(out, x.R[:len(x.R)-2]...)
	}
	return append(out, plainOf(out)...)
}

// A site's key is not in a recording; one that everybody knows is.
func TestRecordingHoldsNoKey(t *testing.T) {
	e := engineOf(t, storageProfile("  - mifare-read: {sector: 1, blocks: [0], key: clinic, as: id-bytes}\n  - mifare-read: {sector: 2, blocks: [0], key: transport, as: other}"))
	c, err := isocard.Parse([]byte("{" + classicATR + `,"uid":"04A1B2C3","mifare":{"sectors":[{"sector":1,"keyA":"010203040506","data":"AABBCCDD"},{"sector":2,"keyA":"FFFFFFFFFFFF"}]},"keys":{"clinic":"010203040506"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ch, info := Emulate(c)
	doc, _, err := Record(t.Context(), ch, info, e.withKeysOf(c))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("010203040506")) || bytes.Contains(raw, []byte("AABBCCDD")) || !bytes.Contains(raw, []byte("FF82000006FFFFFFFFFFFF")) {
		t.Errorf("got %s", raw)
	}
	if read, err := e.Replay(t.Context(), bytes.NewReader(raw)); err != nil || read.Medium != "xx-storage" {
		t.Errorf("read again: %v, %v", read, err)
	}
}

// A card that leaves is recorded as far as it came.
func TestRecordFailedRead(t *testing.T) {
	e := shippedEngine(t)
	ch, info := Emulate(vectorCard(t, "de-egk-short-length-only"))
	doc, _, err := Record(t.Context(), &after{ch, 6, drivers.ErrCardRemoved}, info, e)
	if err == nil || len(doc.Exchange) != 6 {
		t.Errorf("%d exchanges, %v", len(doc.Exchange), err)
	}
	if _, err := isocard.New(doc); err != nil {
		t.Error(err)
	}
}

// A card nobody knows is looked at, within limits, and masked but for its structure.
func TestRecordUnknownCard(t *testing.T) {
	image, err := os.ReadFile("testdata/unknown.image.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := isocard.Parse(image)
	if err != nil {
		t.Fatal(err)
	}
	ch, info := Emulate(c)
	w := &watched{t: t, ch: ch}
	doc, read, err := Record(t.Context(), w, info, engineOf(t, minimal, generations)) // whatever profiles are shipped
	if err != nil || read.Medium != drivers.MediumUnknown {
		t.Fatalf("got %v, %v", read, err)
	}
	if w.sent > exploreAPDUs+64 {
		t.Errorf("%d commands", w.sent)
	}
	got, err := json.MarshalIndent(only9000(doc), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		writeJSON(t, "testdata/unknown.recording.golden", only9000(doc))
	}
	want, err := os.ReadFile("testdata/unknown.recording.golden")
	if err != nil {
		t.Fatal(err)
	}
	if string(got)+"\n" != string(want) {
		t.Errorf("got %s", got)
	}
	for _, secret := range []string{"MUSTER", "1234567890", "张三", "19860315"} {
		for _, form := range inEveryForm(secret) {
			if len(form) >= 4 && bytes.Contains(allPlain(doc), form) {
				t.Errorf("a value of %d bytes shows", len(form))
			}
		}
	}
}

// only9000 leaves out what the card refused.
func only9000(doc Replay) Replay {
	out := doc
	out.Exchange = nil
	for _, x := range doc.Exchange {
		if len(x.R) > 2 || bytes.Equal(x.R, []byte{0x90, 0x00}) {
			out.Exchange = append(out.Exchange, x)
		}
	}
	return out
}

// Any card can be recorded; nothing of it is left that the masker did not agree to.
func FuzzRecord(f *testing.F) {
	f.Add([]byte{0, 0}, true)
	f.Add([]byte("\x10ABCDEFGH19860315\x00"), true)
	f.Add([]byte("\x12\x70\x10\x5A\x0212\x50\x0AMUSTERMANN\x00"), false)
	f.Add([]byte("\x20\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"), true)
	e := shippedEngine(f)
	f.Fuzz(func(t *testing.T, tape []byte, contactless bool) {
		w := &watched{t: t, ch: &hostile{tape: tape}, mifare: true}
		doc, _, _ := Record(t.Context(), w, Info{ATR: []byte{0x3B, 0x00}, Protocol: T1, Contactless: contactless}, e)
		if _, err := isocard.New(doc); err != nil {
			t.Fatal(err)
		}
	})
}

// recorded records a card with one profile and reads the recording again.
func recorded(t *testing.T, profile, files string) (Replay, drivers.Read, drivers.Read) {
	t.Helper()
	e := engineOf(t, profile)
	c, err := isocard.Parse([]byte(`{"atr":"3B00","protocol":"T=1","files":[` + files + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	ch, info := Emulate(c)
	doc, read, err := Record(t.Context(), ch, info, e)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Replay(t.Context(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return doc, read, again
}

// The records of a range are captures of their own.
func TestRecordRangeOfRecords(t *testing.T) {
	profile := strings.NewReplacer("read-binary: {sfi: 01, length: 8, as: id-bytes}", "read-record: {sfi: 01, from: 1, to: end, as: rec}",
		"from: id-bytes, do: [text: ascii]", "from: rec-2, do: [tlv: {form: simple, path: \"02\"}, text: ascii]", `from: "id-bytes[0:2]"`, "from: rec-1").Replace(minimal)
	doc, read, again := recorded(t, profile, `{"aid":"A000000001","sfi":1,"records":["01024142","02083132333435363738"]}`)
	if read.Patient.Identifier[0].Value != "12345678" || len(again.Patient.Identifier[0].Value) != 8 || again.Patient.Identifier[0].Value == "12345678" || len(doc.Notes) != 0 {
		t.Errorf("got %v, %v", again.Patient, doc.Notes)
	}
	if !bytes.Contains(allPlain(doc), []byte{0x02, 0x08}) {
		t.Error("the record's header is gone")
	}
}

// A profile that goes by what it reads goes the same way on the recording; where no
// masking does that, the recording says so.
func TestRecordingGoesTheSameWay(t *testing.T) {
	const files = `{"aid":"A000000001","sfi":1,"data":"4141414141414141"},{"aid":"A000000001","sfi":2,"data":"31323334"}`
	branching := func(pattern string) string {
		return strings.Replace(minimal, "fields:", "  - read-binary: {sfi: 02, length: 4, as: more, optional: [\"6A82\"], when: {from: id-bytes, matches: \""+pattern+"\"}}\nfields:", 1)
	}
	for pattern, note := range map[string]bool{
		"^[0-9]":    false, // no letter is a digit
		"^BBBB":     false, // the first masking would match
		"^[B-M]{4}": true,  // all maskings match
	} {
		doc, read, again := recorded(t, branching(pattern), files)
		if read.Patient == nil || again.Patient == nil {
			t.Errorf("%s: no patient: %v %v %v", pattern, read.Warnings, again.Warnings, doc.Exchange)
		}
		if slices.Contains(doc.Notes, "the masked dialogue does not read as the card did") != note {
			t.Errorf("%s: notes %q", pattern, doc.Notes)
		}
	}
}

// Content that leaves no room for other content of its kind is blanked.
func TestRecordBlanks(t *testing.T) {
	profile := strings.NewReplacer("length: 8", "length: eof", "match:", "limits: {apdus: 512}\nmatch:").Replace(minimal)
	all := everyFourDigits()
	doc, _, again := recorded(t, profile, `{"aid":"A000000001","sfi":1,"data":"`+hexed(all)+`"}`)
	if !slices.Contains(doc.Notes, "values are blanked") || len(bytes.Trim(allPlain(doc), "\x00")) != 0 || again.Medium != "xx-test" {
		t.Errorf("%s, notes %q", again.Medium, doc.Notes)
	}
}

// everyFourDigits is a row of digits with every four digits somewhere in it: a de
// Bruijn sequence, made of Lyndon words.
func everyFourDigits() []byte {
	var out []byte
	word := []byte{0}
	for len(word) > 0 {
		if 4%len(word) == 0 {
			out = append(out, word...)
		}
		for n := len(word); len(word) < 4; {
			word = append(word, word[len(word)-n])
		}
		for len(word) > 0 && word[len(word)-1] == 9 {
			word = word[:len(word)-1]
		}
		if len(word) > 0 {
			word[len(word)-1]++
		}
	}
	out = append(out, out[:3]...)
	for i := range out {
		out[i] += '0'
	}
	return out
}
