package emrtd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Trust says how far the data of a document were checked.
type Trust int

// The steps of passive authentication (Doc 9303-11, 5.1).
const (
	// Unchecked: the security object is missing or of a form that is not understood.
	Unchecked Trust = iota
	// Consistent: the data are those of the security object, whoever signed it.
	Consistent
	// Issued: the security object is signed by a document signer of a known authority.
	Issued
)

// Document is what was read. It holds personal data and masks itself in logs.
type Document struct {
	// Protocol is how it opened: "BAC" or the name of BSI TR-03110-3 and the curve.
	Protocol string
	// MRZ is the machine readable zone of DG1, its lines joined: 90 characters of
	// TD1, 72 of TD2, 88 of TD3.
	MRZ     string
	Details Details
	Issue   Issue
	Trust   Trust
	// Skipped names data groups that the document has and that could not be read.
	Skipped []string
}

// LogValue masks the document.
func (d Document) LogValue() slog.Value { return slog.StringValue(d.String()) }

// String tells how the document was read and nothing of what it says.
func (d Document) String() string { return "travel document (" + d.Protocol + ", masked)" }

// GoString masks the document for %#v.
func (d Document) GoString() string { return d.String() }

// Options are what a site gives.
type Options struct {
	// Authorities are the country signing authorities that documents are checked
	// against; without any, no signature is checked.
	Authorities []Authority

	random io.Reader // crypto/rand.Reader but in tests
}

var application = []byte{0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01}

// Read opens the document that send talks to and reads it. It tries the key once: PACE
// where EF.CardAccess offers a way that is known, and BAC where it does not or where
// the document will not have it. The card may have anything
// selected beforehand.
//
// Errors wrap ErrKey, ErrUnsupported, ErrMessaging, ErrMalformed, ErrAltered or a
// *StatusError, or are those of send and ctx. None holds anything of the document or
// the key. Read is safe for concurrent use with different documents.
func Read(ctx context.Context, send Transceive, key Key, o Options) (*Document, error) {
	if key == (Key{}) {
		return nil, ErrAnswer
	}
	if o.random == nil {
		o.random = rand.Reader
	}
	r := &reader{send: send}
	protocol, err := r.open(ctx, key, o.random)
	if err != nil {
		return nil, err
	}
	d := &Document{Protocol: protocol}
	if err := r.document(ctx, d, key, o); err != nil {
		return nil, err
	}
	return d, nil
}

// open establishes secure messaging and selects the application.
func (r *reader) open(ctx context.Context, key Key, random io.Reader) (protocol string, err error) {
	ways, err := r.cardAccess(ctx)
	if err != nil {
		return "", err
	}
	if len(ways) > 0 {
		r.sm, err = ways[0].authenticate(ctx, r.send, key, random)
		if err == nil {
			return ways[0].protocol(), r.selectApplication(ctx)
		}
		if !refused(err) {
			return "", err
		}
	}
	if key.IsCAN() { // BAC knows the machine readable zone only
		return "", fmt.Errorf("no PACE with a card access number: %w", ErrUnsupported)
	}
	if err = r.selectApplication(ctx); err == nil {
		r.sm, err = basicAccess(ctx, r.send, key, random)
	}
	if refused(err) {
		return "", fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return "BAC", err
}

// cardAccess reads EF.CardAccess, which lies beside the application. A document
// without one, or with one that is not understood, has BAC.
func (r *reader) cardAccess(ctx context.Context) ([]pace, error) {
	if _, sw, err := r.command(ctx, 0xA4, 0x00, 0x0C, []byte{0x3F, 0x00}, 0); err != nil {
		return nil, err
	} else if sw != swOK { // some know the MF by no name
		if _, _, err := r.command(ctx, 0xA4, 0x00, 0x0C, nil, 0); err != nil {
			return nil, err
		}
	}
	file, err := r.file(ctx, "EF.CardAccess", 0x011C)
	if refused(err) || errors.Is(err, ErrMalformed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ways, err := parseCardAccess(file)
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	return ways, nil
}

func (r *reader) selectApplication(ctx context.Context) error {
	_, sw, err := r.command(ctx, 0xA4, 0x04, 0x0C, application, 0)
	if err != nil {
		return fmt.Errorf("select the application: %w", err)
	}
	if sw != swOK {
		return &StatusError{"select the application", sw}
	}
	return nil
}

// document reads the files. What is not under the security object's hashes is not
// read, as long as there is one.
func (r *reader) document(ctx context.Context, d *Document, key Key, o Options) error {
	has := map[int]bool{}
	com, err := r.file(ctx, "EF.COM", 0x011E)
	if err == nil {
		has, err = parseCOM(com)
	}
	if err := passable(err); err != nil {
		return err
	}
	var object *security
	sod, err := r.file(ctx, "EF.SOD", 0x011D)
	if err == nil {
		object, err = parseSOD(sod)
	}
	if err := passable(err); err != nil {
		return err
	}
	if object != nil {
		d.Trust = Consistent
	}
	zone, err := r.group(ctx, object, 1)
	if err != nil {
		return err
	}
	if d.MRZ, err = parseDG1(zone); err != nil {
		return err
	}
	if printed, err := ParseKey(d.MRZ); err == nil && !key.IsCAN() && printed != key {
		return fmt.Errorf("DG1 is not the zone that opens the document: %w", ErrAltered)
	}
	for _, g := range []struct {
		number int
		read   func(file []byte) error
	}{
		{11, func(file []byte) (err error) { d.Details, err = parseDG11(file); return err }},
		{12, func(file []byte) (err error) { d.Issue, err = parseDG12(file); return err }},
	} {
		if !object.has(g.number) && (object != nil || !has[g.number]) {
			continue
		}
		file, err := r.group(ctx, object, g.number)
		if err == nil {
			err = g.read(file)
		}
		if err != nil {
			if passable(err) != nil {
				return err
			}
			d.Skipped = append(d.Skipped, fmt.Sprintf("DG%d", g.number))
		}
	}
	return object.authenticate(d, o.Authorities)
}

// group reads a data group and compares it with the security object.
func (r *reader) group(ctx context.Context, object *security, n int) ([]byte, error) {
	file, err := r.file(ctx, fmt.Sprintf("DG%d", n), 0x0100|uint16(n))
	if err != nil || object == nil {
		return file, err
	}
	return file, object.check(n, file)
}

// passable drops an error that costs one file and not the document.
func passable(err error) error {
	if refused(err) || errors.Is(err, ErrMalformed) {
		return nil
	}
	return err
}

// authenticate checks who signed the security object, as far as the site knows the
// authorities.
func (s *security) authenticate(d *Document, known []Authority) error {
	if s == nil || len(known) == 0 {
		return nil
	}
	issued, err := s.issued(known)
	if err != nil {
		return err
	}
	if issued {
		d.Trust = Issued
	}
	return nil
}
