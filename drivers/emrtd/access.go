package emrtd

import (
	"encoding/asn1"
	"fmt"
	"slices"
)

// pace is one way of PACE that a document offers.
type pace struct {
	oid       asn1.ObjectIdentifier
	suite     suite
	curve     *curve
	parameter int // standardized domain parameters, Doc 9303-11, table 6
}

// id-PACE-ECDH-GM (BSI TR-03110-3, A.1.1.1): 0.4.0.127.0.7.2.2.4.2.x
var paceECDHGM = asn1.ObjectIdentifier{0, 4, 0, 127, 0, 7, 2, 2, 4, 2}

var paceSuites = map[int]suite{1: tripleDES, 2: aes128, 3: aes192, 4: aes256}

// securityInfo is the beginning of every SecurityInfo (Doc 9303-11, 9.2).
type securityInfo struct {
	Protocol asn1.ObjectIdentifier
	Required asn1.RawValue
	Optional asn1.RawValue `asn1:"optional"`
}

// maxInfos bounds EF.CardAccess; real ones hold a handful.
const maxInfos = 64

// parseCardAccess returns the ways of PACE in EF.CardAccess (Doc 9303-11, 9.2.1) that
// are supported, the strongest cipher first. Others are passed over.
func parseCardAccess(file []byte) ([]pace, error) {
	var set asn1.RawValue
	if _, err := asn1.Unmarshal(file, &set); err != nil || set.Class != asn1.ClassUniversal || set.Tag != asn1.TagSet {
		return nil, fmt.Errorf("%w: EF.CardAccess is not a set", ErrMalformed)
	}
	var out []pace
	for rest, n := set.Bytes, 0; len(rest) > 0; n++ {
		var raw asn1.RawValue
		after, err := asn1.Unmarshal(rest, &raw)
		if err != nil || n == maxInfos {
			return nil, fmt.Errorf("%w: EF.CardAccess, entry %d", ErrMalformed, n+1)
		}
		rest = after
		var info securityInfo
		if _, err := asn1.Unmarshal(raw.FullBytes, &info); err != nil {
			continue // of a form that is not ours
		}
		if p, ok := info.pace(); ok {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b pace) int { return b.rank() - a.rank() })
	return out, nil
}

// pace reads a PACEInfo: version 2 and the number of the domain parameters.
func (i securityInfo) pace() (pace, bool) {
	n := len(paceECDHGM)
	if len(i.Protocol) != n+1 || !i.Protocol[:n].Equal(paceECDHGM) {
		return pace{}, false
	}
	var version, parameter int
	if _, err := asn1.Unmarshal(i.Required.FullBytes, &version); err != nil || version != 2 || len(i.Optional.FullBytes) == 0 {
		return pace{}, false
	}
	if _, err := asn1.Unmarshal(i.Optional.FullBytes, &parameter); err != nil {
		return pace{}, false
	}
	s, known := paceSuites[i.Protocol[n]]
	c, standard := curves[parameter]
	return pace{i.Protocol, s, c, parameter}, known && standard
}

// rank orders ways by their cipher.
func (p pace) rank() int {
	if p.suite == tripleDES {
		return 0
	}
	return p.suite.key
}

// protocol is the name in BSI TR-03110-3, A.1.1.1.
func (p pace) protocol() string {
	if p.suite == tripleDES {
		return "PACE-ECDH-GM-3DES-CBC-CBC " + p.curve.name
	}
	return "PACE-ECDH-GM-AES-CBC-CMAC-" + p.suite.name[len("AES-"):] + " " + p.curve.name
}

// oidBytes is the object identifier without tag and length.
func (p pace) oidBytes() []byte {
	b, err := asn1.Marshal(p.oid)
	if err != nil {
		panic(err) // it was parsed from one
	}
	return b[2:]
}
