package card

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"cardferry/drivers/decode"
	"cardferry/drivers/emrtd"

	"go.yaml.in/yaml/v3"
)

// readDocument is the step emrtd: the chip of a travel document, opened with the
// answer to the prompt before it (package emrtd).
type readDocument struct {
	Key documentKeyWord `yaml:"key,required" doc:"kind of the prompt before it: mrz takes a whole machine readable zone, its key part, NUMBER,YYMMDD,YYMMDD or a card access number; can takes a card access number only"`
	As  captureName     `yaml:"as,required" doc:"makes the texts NAME-mrz, NAME-family, NAME-given, NAME-other-names, NAME-personal-number, NAME-birth (yyyymmdd), NAME-birth-place, NAME-address, NAME-telephone, NAME-profession, NAME-title, NAME-authority and NAME-issued (yyyymmdd)"`
}

// The warnings of a document. The last two are about a read that has a patient.
const (
	warnDocumentAltered     = "document_altered"            // the data are not what the security object says
	warnDocumentUnsupported = "document_type_unsupported"   // opens in no way that is known
	warnDocumentUnchecked   = "document_not_checked"        // no security object that is understood
	warnSignerUnchecked     = "document_signer_not_checked" // by no authority that the site knows
)

func (b *readDocument) validate(d *decode.Decoder, n *yaml.Node) {
	if b.Key != "mrz" && b.Key != "can" {
		d.Fail(n, "key is mrz or can")
	}
	if b.As.ref != "" {
		d.Fail(n, "as is the beginning of the names of several texts")
	}
}

// texts are what the step makes, by the ends of their names.
func (b *readDocument) texts(d *emrtd.Document) map[string]string {
	p := b.As.before + "-"
	return map[string]string{
		p + "mrz": d.MRZ, p + "family": d.Details.Family, p + "given": d.Details.Given, p + "other-names": strings.Join(d.Details.OtherNames, "; "),
		p + "personal-number": d.Details.PersonalNumber, p + "birth": d.Details.Birth, p + "birth-place": d.Details.BirthPlace,
		p + "address": d.Details.Address, p + "telephone": d.Details.Telephone, p + "profession": d.Details.Profession, p + "title": d.Details.Title,
		p + "authority": d.Issue.Authority, p + "issued": d.Issue.Date,
	}
}

func (b *readDocument) run(ctx context.Context, r *run, st *step) ([]byte, error) {
	key, err := emrtd.ParseKey(r.secret)
	r.secret = ""
	if err != nil || b.Key == "can" && !key.IsCAN() {
		return nil, &tellError{warning: warnKeyMalformed}
	}
	// What is said from here on could be used to guess the key: no recording has it.
	recorded := r.s.ch
	if n, ok := recorded.(noting); ok {
		r.s.ch = n.Channel
		n.t.leftOut = true
	}
	defer func() { r.s.ch = recorded }()
	doc, err := emrtd.Read(ctx, r.s.document, key, emrtd.Options{Authorities: r.authorities})
	r.s.forget()
	var status *emrtd.StatusError
	switch {
	case err == nil:
	case errors.Is(err, emrtd.ErrKey), errors.Is(err, emrtd.ErrUnsupported) && key.IsCAN():
		return nil, &tellError{warning: warnKeyRefused}
	case errors.Is(err, emrtd.ErrUnsupported):
		return nil, &tellError{warnDocumentUnsupported, true}
	case errors.Is(err, emrtd.ErrAltered):
		return nil, &tellError{warnDocumentAltered, true}
	case errors.As(err, &status):
		return nil, r.refusal(st, statusWord(status.SW))
	default:
		return nil, err
	}
	for name, text := range b.texts(doc) {
		if text != "" {
			r.captures[name] = decode.TextValue(text)
		}
	}
	switch doc.Trust {
	case emrtd.Issued:
		r.authentic = true
	case emrtd.Consistent:
		r.warn(warnSignerUnchecked, "")
	case emrtd.Unchecked:
		r.warn(warnDocumentUnchecked, "")
	}
	if len(doc.Skipped) > 0 {
		r.partial = true
	}
	return nil, nil
}

// document is the emrtd.Transceive of the session: commands go within guard and limits
// like all others.
func (s *session) document(ctx context.Context, cmd []byte) ([]byte, error) {
	c, err := parseCommand(cmd)
	if err != nil {
		return nil, fmt.Errorf("command of the document reader: %w", err)
	}
	c.document = true
	data, sw, err := s.converse(ctx, c)
	if err != nil {
		return nil, err
	}
	return append(data, byte(sw>>8), byte(sw)), nil
}

// permitDocument says whether a command of the document reader has exactly a form that
// opens with the key on the document and reads. A PIN and a PUK are passwords 03 and 04
// of MSE:Set AT: they never pass.
func permitDocument(c command) error {
	ok := false
	switch head := [2]byte{c.cla, c.ins}; head {
	case [2]byte{0x00, 0xA4}:
		ok = c.p2 == 0x0C && (c.p1 == 0x00 || c.p1 == 0x02 || c.p1 == 0x04)
	case [2]byte{0x00, 0xB0}:
		ok = c.data == nil && c.p1&0x80 == 0
	case [2]byte{0x00, 0x84}: // GET CHALLENGE
		ok = c.p1 == 0 && c.p2 == 0 && c.data == nil
	case [2]byte{0x00, 0x82}: // EXTERNAL AUTHENTICATE of BAC
		ok = c.p1 == 0 && c.p2 == 0 && len(c.data) == 40 && c.ne == 40
	case [2]byte{0x00, 0x22}: // MSE:Set AT of PACE, with MRZ or CAN
		password, err := decode.TLVBER.Find(c.data, 0x83)
		ok = c.p1 == 0xC1 && c.p2 == 0xA4 && err == nil && (bytes.Equal(password, []byte{0x01}) || bytes.Equal(password, []byte{0x02}))
	case [2]byte{0x10, 0x86}, [2]byte{0x00, 0x86}: // GENERAL AUTHENTICATE of PACE
		ok = c.p1 == 0 && c.p2 == 0 && len(c.data) > 1 && c.data[0] == 0x7C
	case [2]byte{0x0C, 0xA4}, [2]byte{0x0C, 0xB0}: // protected, with a checksum at the end
		n := len(c.data) - 10
		ok = n >= 0 && c.data[n] == 0x8E && c.data[n+1] == 8 && (c.ins == 0xA4 && c.p2 == 0x0C || c.ins == 0xB0 && c.p1&0x80 == 0)
	}
	if !ok {
		return fmt.Errorf("the document reader would send %02X%02X in a form that does not only open and read", c.cla, c.ins)
	}
	return nil
}
