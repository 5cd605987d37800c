package code

import (
	"reflect"

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
	keys, err := decode.ParseKeys(sets)
	if err != nil {
		d.Fail(n, "%v", err)
	}
	k.keys = &keys
}
