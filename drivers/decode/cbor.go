package decode

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// parseCBOR reads one CBOR data item (RFC 8949). Integer keys are their decimal text,
// byte strings upper-case hex, epoch times RFC 3339; other tags are looked through, null
// is absent.
type parseCBOR struct{}

func (*parseCBOR) kinds() (in, out Kind) { return KindBytes, KindDocument }

func (*parseCBOR) apply(_ *evaluation, v Value) (Value, error) {
	tree, err := decodeCBOR(v.b)
	if err != nil {
		return Value{}, err
	}
	root, ok := new(builder).build("", tree, cborScalar, maxDepth)
	if !ok {
		return Value{}, errUnreadable
	}
	return documentValue(v.b, root), nil
}

// decodeCBOR reads a whole item within bounds into Go values.
func decodeCBOR(b []byte) (any, error) {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: maxDepth,
		MaxArrayElements: maxElements, MaxMapPairs: maxElements, TimeTag: cbor.DecTagIgnored,
		TimeTagToAny: cbor.TimeTagToRFC3339, IntDec: cbor.IntDecConvertNone, BigIntDec: cbor.BigIntDecodeValue,
	}.DecMode()
	if err != nil || len(b) > maxInflated {
		return nil, errUnreadable
	}
	var tree any
	if err := mode.Unmarshal(b, &tree); err != nil {
		return nil, errUnreadable
	}
	return untagged(tree, maxDepth), nil
}

// untagged takes the tags off a tree. It changes the tree's lists and maps.
func untagged(v any, depth int) any {
	switch x := v.(type) {
	case cbor.Tag:
		if depth == 0 {
			return nil
		}
		return untagged(x.Content, depth-1)
	case []any:
		for i := range x {
			x[i] = untagged(x[i], depth-1)
		}
	case map[any]any:
		for k := range x {
			x[k] = untagged(x[k], depth-1)
		}
	}
	return v
}

func cborScalar(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case []byte:
		return strings.ToUpper(hex.EncodeToString(x)), true
	case cbor.ByteString:
		return strings.ToUpper(hex.EncodeToString([]byte(x))), true
	case uint64:
		return strconv.FormatUint(x, 10), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case big.Int:
		return x.String(), true
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), true
	case bool:
		return strconv.FormatBool(x), true
	}
	return "", false
}
