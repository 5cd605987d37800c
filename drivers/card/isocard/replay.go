package isocard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxReplay is the largest replay file in bytes.
const MaxReplay = 4 << 20

// ErrReplay is wrapped by every complaint about a replay file.
var ErrReplay = errors.New("not a usable replay file")

// replay is the JSON form:
//
//	{"atr": "hex", "protocol": "T=0|T=1",
//	 "exchange": [{"c": "hex", "r": "hex with status word"}, …]}
//
// or, in place of exchange, a file image:
//
//	"files": [{"aid": "hex", "path": "3F00/DF01/4031", "sfi": 1, "data": "hex"},
//	          {"aid": "hex", "path": "…", "records": ["hex", …]},
//	          {"aid": "hex", "sfi": 6, "sw": "6982"}, …]
//
// An image may say "extended": false for a card without extended length. A file
// with "sw" answers reads with that status word; an entry with neither data,
// records nor sw is an application (or DF) that can only be selected.
type replay struct {
	ATR      text    `json:"atr"`
	Protocol string  `json:"protocol"`
	Extended *bool   `json:"extended"`
	Exchange []pair  `json:"exchange"`
	Files    []image `json:"files"`
}

type pair struct {
	C text `json:"c"`
	R text `json:"r"`
}

type image struct {
	AID     text    `json:"aid"`
	Path    string  `json:"path"`
	SFI     int     `json:"sfi"`
	Data    *text   `json:"data"`
	Records *[]text `json:"records"`
	SW      text    `json:"sw"`
}

// text is hex with optional spaces. Errors do not quote it: it is card content.
type text []byte

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("hex must be a JSON string")
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		return errors.New("a hex string has a wrong character or an odd length")
	}
	*t = raw
	return nil
}

// Parse makes a card from a replay file. It refuses unknown keys; errors wrap
// ErrReplay and name positions, never content.
func Parse(jsonReplay []byte) (*Card, error) {
	if len(jsonReplay) > MaxReplay {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrReplay, MaxReplay)
	}
	dec := json.NewDecoder(bytes.NewReader(jsonReplay))
	dec.DisallowUnknownFields()
	var in replay
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %s", ErrReplay, dec.InputOffset(), describe(err))
	}
	if dec.More() {
		return nil, fmt.Errorf("%w: text after the JSON object at byte %d", ErrReplay, dec.InputOffset())
	}
	c := &Card{atr: in.ATR, t0: in.Protocol == "T=0", extended: in.Extended == nil || *in.Extended}
	if in.Protocol != "T=0" && in.Protocol != "T=1" {
		return nil, fmt.Errorf("%w: protocol must be \"T=0\" or \"T=1\"", ErrReplay)
	}
	if (in.Exchange == nil) == (in.Files == nil) {
		return nil, fmt.Errorf("%w: give either exchange or files", ErrReplay)
	}
	if in.Exchange != nil {
		c.exchange = make([]exchange, len(in.Exchange))
	}
	for i, x := range in.Exchange {
		if len(x.C) < 4 || len(x.R) < 2 {
			return nil, fmt.Errorf("%w: exchange[%d]: a command has at least 4 bytes, a response 2", ErrReplay, i)
		}
		c.exchange[i] = exchange{x.C, x.R}
	}
	for i, f := range in.Files {
		parsed, err := f.file()
		if err != nil {
			return nil, fmt.Errorf("%w: files[%d]: %w", ErrReplay, i, err)
		}
		c.files = append(c.files, parsed)
	}
	c.Reset()
	return c, nil
}

// describe words JSON errors without quoting the file.
func describe(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return "wrong type for key " + strconv.Quote(kind.Field)
	case strings.HasPrefix(err.Error(), "json: unknown field"), strings.Contains(err.Error(), "hex"):
		return err.Error()
	}
	return "not valid JSON"
}

func (f image) file() (*file, error) {
	out := &file{sfi: f.SFI, empty: f.Data == nil && f.Records == nil && f.SW == nil}
	if f.AID != nil {
		out.aid = f.AID
	}
	if len(f.AID) > 16 || f.AID == nil && f.Path == "" {
		return nil, errors.New("needs an aid (1 to 16 bytes) or a path")
	}
	if f.Data != nil && f.Records != nil {
		return nil, errors.New("has data and records; a file is either")
	}
	if f.SFI < 0 || f.SFI > 30 {
		return nil, errors.New("sfi is 1 to 30")
	}
	for i, p := range strings.FieldsFunc(f.Path, func(c rune) bool { return c == '/' }) {
		id, err := strconv.ParseUint(p, 16, 16)
		if err != nil || len(p) != 4 {
			return nil, errors.New("path is file identifiers of four hex digits, separated by /")
		}
		if id != 0x3F00 || i > 0 {
			out.path = append(out.path, uint16(id))
		}
	}
	if f.Data != nil {
		out.data = *f.Data
	}
	if f.Records != nil {
		out.records = [][]byte{}
		for _, r := range *f.Records {
			out.records = append(out.records, r)
		}
	}
	switch len(f.SW) {
	case 0:
	case 2:
		out.deny = uint16(f.SW[0])<<8 | uint16(f.SW[1])
	default:
		return nil, errors.New("sw is two bytes")
	}
	return out, nil
}
