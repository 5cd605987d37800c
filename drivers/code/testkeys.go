package code

import (
	"archive/zip"
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// testKeys are public keys for a rule's own tests: sets by name, each a JWK Set or
// PEM. They are used nowhere else.
type testKeys struct{ keys *decode.Keys }

// Shape describes what DecodeNode takes.
func (*testKeys) Shape() decode.Shape { return decode.ShapeOf(reflect.TypeFor[map[string]string]()) }

// DecodeNode reads the sets.
func (k *testKeys) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	var sets map[string]string
	d.Decode(n, &sets)
	keys, err := keysOf(sets)
	if err != nil {
		d.Fail(n, "%v", err)
	}
	k.keys = &keys
}

// keysOf loads sets as if they lay in a site's directory.
func keysOf(sets map[string]string) (decode.Keys, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for set, text := range sets {
		name := set + ".pem"
		if strings.HasPrefix(strings.TrimSpace(text), "{") {
			name = set + ".json"
		}
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			return decode.Keys{}, fmt.Errorf("pack test keys: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return decode.Keys{}, fmt.Errorf("pack test keys: %w", err)
	}
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		return decode.Keys{}, fmt.Errorf("unpack test keys: %w", err)
	}
	return decode.LoadKeys(r)
}
