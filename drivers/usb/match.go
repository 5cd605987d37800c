//go:build cgo

package usb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// product is a vendor and product id.
type product struct{ vendor, product uint16 }

// pattern is a parsed [Device.Match].
type pattern struct {
	product
	serial string // "" is any
	path   string // "" is any
}

var errMatch = errors.New("want vendor:product in hex, and :serial, @port or both behind it, as 0400:c35a")

func parseMatch(s string) (pattern, error) {
	ids, path := s, ""
	if at := strings.LastIndex(s, "@"); at >= 0 {
		if ids, path = s[:at], s[at+1:]; path == "" {
			return pattern{}, errMatch
		}
	}
	parts := strings.SplitN(ids, ":", 3)
	if len(parts) < 2 || len(parts) == 3 && parts[2] == "" {
		return pattern{}, errMatch
	}
	vendor, errV := parseID(parts[0])
	prod, errP := parseID(parts[1])
	p := pattern{product: product{vendor, prod}, path: path}
	if len(parts) == 3 {
		p.serial = parts[2]
	}
	return p, errors.Join(errV, errP)
}

// parseID parses a vendor or product id: four hex digits.
func parseID(s string) (uint16, error) {
	id, err := strconv.ParseUint(s, 16, 16)
	if err != nil || len(s) != 4 {
		return 0, errMatch
	}
	return uint16(id), nil
}

func (p pattern) matches(id identity) bool {
	return p.product == id.product && (p.serial == "" || strings.EqualFold(p.serial, id.serial)) && (p.path == "" || p.path == id.path)
}

// identity is what tells a device from others.
type identity struct {
	product
	serial string // "" when it has none or does not tell
	path   string // "1-2.3": bus and ports
}

// name is the stable name: by serial number where there is one, else by where it is
// plugged in.
func (id identity) name() string {
	ids := fmt.Sprintf("%04x:%04x", id.vendor, id.product.product)
	if id.serial != "" {
		return ids + ":" + id.serial
	}
	return ids + "@" + id.path
}

// clean bounds what a device says of itself and keeps what prints.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return s
}

// cleanSerial is clean for a part of a name.
func cleanSerial(s string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' || r <= ' ' || r == '@' {
			return '_'
		}
		return r
	}, clean(s))
}
