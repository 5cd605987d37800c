package emrtd

import (
	"fmt"
	"slices"
)

// object is one BER-TLV data object (ISO/IEC 8825-1, definite length, tags of one or
// two bytes, which is all that travel documents use).
type object struct {
	tag   uint32
	value []byte
}

// header reads tag and length: ok is false while the header is incomplete, err is set
// when it can never be one.
func header(b []byte) (tag uint32, head, length int, ok bool, err error) {
	if len(b) < 2 {
		return 0, 0, 0, false, nil
	}
	tag, head = uint32(b[0]), 1
	if b[0]&0x1F == 0x1F {
		if b[1]&0x80 != 0 {
			return 0, 0, 0, false, fmt.Errorf("%w: tag of more than two bytes", ErrMalformed)
		}
		tag, head = tag<<8|uint32(b[1]), 2
	}
	if head >= len(b) {
		return 0, 0, 0, false, nil
	}
	first := int(b[head])
	head++
	if first < 0x80 {
		return tag, head, first, true, nil
	}
	n := first & 0x7F
	if n == 0 || n > 3 {
		return 0, 0, 0, false, fmt.Errorf("%w: length of %d bytes", ErrMalformed, n)
	}
	if len(b) < head+n {
		return 0, 0, 0, false, nil
	}
	for _, c := range b[head : head+n] {
		length = length<<8 | int(c)
	}
	return tag, head + n, length, true, nil
}

// objects takes a sequence of data objects apart.
func objects(b []byte) ([]object, error) {
	var out []object
	for at := 0; at < len(b); {
		tag, head, length, ok, err := header(b[at:])
		if err != nil {
			return nil, err
		}
		if !ok || length > len(b)-at-head {
			return nil, fmt.Errorf("%w: data object at byte %d is cut short", ErrMalformed, at)
		}
		out = append(out, object{tag, b[at+head : at+head+length]})
		at += head + length
	}
	return out, nil
}

// find returns the value of the first object with a tag.
func find(list []object, tag uint32) ([]byte, bool) {
	i := slices.IndexFunc(list, func(o object) bool { return o.tag == tag })
	if i < 0 {
		return nil, false
	}
	return list[i].value, true
}

// unwrap returns the content of a file that is one object with the given tag. Bytes
// behind it are padding.
func unwrap(b []byte, tag uint32) ([]object, error) {
	got, head, length, ok, err := header(b)
	if err != nil {
		return nil, err
	}
	if !ok || got != tag || length > len(b)-head {
		return nil, fmt.Errorf("%w: file is not one object %X", ErrMalformed, tag)
	}
	return objects(b[head : head+length])
}

// encode writes one data object.
func encode(tag uint32, value ...[]byte) []byte {
	body := slices.Concat(value...)
	var out []byte
	if tag > 0xFF {
		out = append(out, byte(tag>>8))
	}
	out = append(out, byte(tag))
	switch n := len(body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, body...)
}
