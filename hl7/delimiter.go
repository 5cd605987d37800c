package hl7

// Delimiters are the encoding characters a message declares in MSH-1 and MSH-2
// (HL7 v2.9 chapter 2, 2.5.4). Zero means not declared: the character of that
// role is then plain data everywhere in the message.
type Delimiters struct {
	Field        byte // MSH-1, usually |
	Component    byte // usually ^
	Repetition   byte // usually ~
	Escape       byte // usually \
	Subcomponent byte // usually &
	Truncation   byte // v2.7 and later, usually #
}

// StandardDelimiters returns the recommended set |^~\& without truncation.
func StandardDelimiters() Delimiters {
	return Delimiters{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}
}

// encodingCharacters is the content of MSH-2: everything declared up to the
// first character that is not.
func (d Delimiters) encodingCharacters() []byte {
	var out []byte
	for _, c := range []byte{d.Component, d.Repetition, d.Escape, d.Subcomponent, d.Truncation} {
		if c == 0 {
			break
		}
		out = append(out, c)
	}
	return out
}

// parseDelimiters reads the set of an MSH segment that starts at b[0] and ends
// at term.
func parseDelimiters(b []byte, term byte) (Delimiters, error) {
	if len(b) < 5 {
		return Delimiters{}, &ParseError{Err: ErrTooShort, Offset: len(b)}
	}
	d := Delimiters{Field: b[3]}
	if !isDelimiter(d.Field) {
		return Delimiters{}, &ParseError{Err: ErrBadDelimiters, Offset: 3}
	}
	roles := [...]*byte{&d.Component, &d.Repetition, &d.Escape, &d.Subcomponent, &d.Truncation}
	for i := 4; i < len(b) && b[i] != d.Field && b[i] != term; i++ {
		n := i - 4
		if n >= len(roles) || !isDelimiter(b[i]) {
			return Delimiters{}, &ParseError{Err: ErrBadDelimiters, Offset: i}
		}
		for _, earlier := range roles[:n] {
			if *earlier == b[i] {
				return Delimiters{}, &ParseError{Err: ErrBadDelimiters, Offset: i}
			}
		}
		*roles[n] = b[i]
	}
	if d.Component == 0 {
		return Delimiters{}, &ParseError{Err: ErrBadDelimiters, Offset: 4}
	}
	return d, nil
}

// isDelimiter accepts printable ASCII punctuation. The double quote is refused
// because "" is the null value; letters and digits because no value could then
// be told from structure.
func isDelimiter(c byte) bool {
	switch {
	case c <= ' ' || c >= 0x7F || c == '"':
		return false
	case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		return false
	}
	return true
}

// meant is the delimiter an escape letter stands for, 0 when not declared (HL7
// v2.9, 2.7.1).
func (d *Delimiters) meant(letter byte) byte {
	switch letter {
	case 'F':
		return d.Field
	case 'S':
		return d.Component
	case 'T':
		return d.Subcomponent
	case 'R':
		return d.Repetition
	case 'E':
		return d.Escape
	case 'P':
		return d.Truncation
	}
	return 0
}

// letter is the escape letter for c, 0 when c is plain data. The truncation
// character needs none.
func (d *Delimiters) letter(c byte) byte {
	switch c {
	case 0:
		return 0
	case d.Field:
		return 'F'
	case d.Component:
		return 'S'
	case d.Repetition:
		return 'R'
	case d.Escape:
		return 'E'
	case d.Subcomponent:
		return 'T'
	}
	return 0
}
