package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// parseJSON reads one JSON value (RFC 8259) from text or from UTF-8 bytes. Numbers
// keep the digits they were written with; null is absent.
type parseJSON struct{}

func (*parseJSON) kinds() (in, out Kind) { return kindEither, KindDocument }

func (*parseJSON) apply(_ *evaluation, v Value) (Value, error) {
	if len(v.b) > maxInflated {
		return Value{}, errUnreadable
	}
	dec := json.NewDecoder(bytes.NewReader(v.b))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return Value{}, errUnreadable
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errUnreadable
	}
	root, ok := new(builder).build("", tree, jsonScalar, maxDepth)
	if !ok {
		return Value{}, errUnreadable
	}
	return documentValue(v.b, root), nil
}

func jsonScalar(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	case bool:
		return strconv.FormatBool(x), true
	}
	return "", false
}
