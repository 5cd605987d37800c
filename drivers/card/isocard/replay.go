package isocard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// MaxReplay is the largest replay file in bytes.
const MaxReplay = 4 << 20

// ErrReplay is wrapped by every complaint about a replay file.
var ErrReplay = errors.New("not a usable replay file")

// Replay is a card written down, in JSON. Either what was said:
//
//	{"atr": "hex", "protocol": "T=0|T=1",
//	 "exchange": [{"c": "hex", "r": "hex with status word"}, …]}
//
// or an image of what is on the card, any of these together:
//
//	"files": [{"aid": "hex", "path": "3F00/DF01/4031", "sfi": 1, "data": "hex"},
//	          {"aid": "hex", "path": "…", "records": ["hex", …]},
//	          {"aid": "hex", "sfi": 6, "sw": "6982"}, …]
//	"uid": "hex", "ats": "hex"            answers to FFCA000000 and FFCA010000
//	"mifare": {"sectors": [{"sector": 1, "keyA": "hex", "keyB": "hex", "data": "hex"}, …]}
//	"memory": {"type": "sle4442", "dialect": "acs|omnikey", "data": "hex"}
//	"emrtd": {"keyInfo": "L000000X1790030713501014", "can": "500540",
//	          "pace": [{"cipher": 2, "parameter": 13}], "files": {"0101": "hex", …}}
//
// A file with "sw" answers reads with that status word; an entry of files with
// neither data, records nor sw is an application (or DF) that can only be selected.
// An image may say "extended": false for a card without extended length.
//
// A sector's data begins with its block 0; what is missing is 00. A key that is not
// given opens nothing. Memory types are sle4442, sle4428, at24c01-16, at24c32-1024;
// with dialect acs (the default) the type has to be selected before reading.
//
// A travel document (package emrtd/chip) is alone on its card. Its keyInfo is the key
// part of the machine readable zone with check digits, cipher the last arc of the PACE
// object identifier, parameter the number of the domain parameters.
//
// "answers": {"mrz": "…"} are what somebody answers to prompts of that kind, in replays
// only. "contactless": true says that the card lies on a contactless reader; uid, ats and
// mifare imply it. "keys": {"NAME": "hex"} are the site's keys for this replay only,
// for tests of profiles that name keys. "notes" are remarks of who made the file.
type Replay struct {
	ATR         Hex               `json:"atr"`
	Protocol    string            `json:"protocol"`
	Contactless bool              `json:"contactless,omitzero"`
	Extended    *bool             `json:"extended,omitzero"`
	Exchange    []Exchange        `json:"exchange,omitzero"`
	Files       []File            `json:"files,omitzero"`
	UID         Hex               `json:"uid,omitzero"`
	ATS         Hex               `json:"ats,omitzero"`
	Mifare      *Mifare           `json:"mifare,omitzero"`
	Memory      *Memory           `json:"memory,omitzero"`
	Document    *Document         `json:"emrtd,omitzero"`
	Keys        map[string]Hex    `json:"keys,omitzero"`
	Answers     map[string]string `json:"answers,omitzero"`
	Notes       []string          `json:"notes,omitzero"`
}

// Exchange is one command and its response with status word.
type Exchange struct {
	C Hex `json:"c"`
	R Hex `json:"r"`
}

// File is one elementary file, or an application.
type File struct {
	AID     Hex    `json:"aid,omitzero"`     // 1 to 16 bytes
	Path    string `json:"path,omitzero"`    // file identifiers from the MF, "3F00/DF01/4031"
	SFI     int    `json:"sfi,omitzero"`     // 1 to 30
	Data    *Hex   `json:"data,omitzero"`    // of a transparent file
	Records *[]Hex `json:"records,omitzero"` // of a record file
	SW      Hex    `json:"sw,omitzero"`      // answer to every read
}

// Mifare is the memory of a MIFARE Classic card, 1K or 4K.
type Mifare struct {
	Sectors []Sector `json:"sectors"`
}

// Sector is one sector: 0 to 31 have 4 blocks of 16 bytes, 32 to 39 have 16.
type Sector struct {
	Sector int `json:"sector"`
	KeyA   Hex `json:"keyA,omitzero"` // 6 bytes
	KeyB   Hex `json:"keyB,omitzero"`
	Data   Hex `json:"data,omitzero"`
}

// Memory is a contact memory card.
type Memory struct {
	Type    string `json:"type"`
	Dialect string `json:"dialect,omitzero"` // of the reader
	Data    Hex    `json:"data"`
}

// Hex is bytes, in JSON as hex with optional spaces. Errors do not quote it: it is
// card content.
type Hex []byte

// UnmarshalJSON reads hex.
func (h *Hex) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("hex must be a JSON string")
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		return errors.New("a hex string has a wrong character or an odd length")
	}
	*h = raw
	return nil
}

// MarshalJSON writes upper-case hex.
func (h Hex) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strings.ToUpper(hex.EncodeToString(h)) + `"`), nil
}

// Parse makes a card from a replay file. It refuses unknown keys; errors wrap
// ErrReplay and name positions, never content.
func Parse(jsonReplay []byte) (*Card, error) {
	in, err := Decode(jsonReplay)
	if err != nil {
		return nil, err
	}
	return New(in)
}

// Decode reads a replay file without judging what it describes; New does that.
func Decode(jsonReplay []byte) (Replay, error) {
	var in Replay
	if len(jsonReplay) > MaxReplay {
		return in, fmt.Errorf("%w: larger than %d bytes", ErrReplay, MaxReplay)
	}
	dec := json.NewDecoder(bytes.NewReader(jsonReplay))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, fmt.Errorf("%w: at byte %d: %s", ErrReplay, dec.InputOffset(), describe(err))
	}
	if dec.More() {
		return in, fmt.Errorf("%w: text after the JSON object at byte %d", ErrReplay, dec.InputOffset())
	}
	return in, nil
}

// New makes a card. Errors wrap ErrReplay and name positions, never content.
func New(in Replay) (*Card, error) {
	c := &Card{
		atr: in.ATR, t0: in.Protocol == "T=0", extended: in.Extended == nil || *in.Extended,
		contactless: in.Contactless || in.UID != nil || in.ATS != nil || in.Mifare != nil,
		iso:         in.Files != nil, uid: in.UID, ats: in.ATS, keys: map[string][]byte{}, answers: maps.Clone(in.Answers),
	}
	image := in.Files != nil || in.UID != nil || in.ATS != nil || in.Mifare != nil || in.Memory != nil || in.Document != nil
	switch {
	case in.Protocol != "T=0" && in.Protocol != "T=1":
		return nil, fmt.Errorf("%w: protocol must be \"T=0\" or \"T=1\"", ErrReplay)
	case (in.Exchange == nil) != image:
		return nil, fmt.Errorf("%w: give either exchange or files (uid, mifare, memory, emrtd)", ErrReplay)
	case len(in.UID) > 10:
		return nil, fmt.Errorf("%w: uid has at most 10 bytes", ErrReplay)
	}
	for name, key := range in.Keys {
		if len(key) != 6 {
			return nil, fmt.Errorf("%w: keys: %q is not 6 bytes", ErrReplay, name)
		}
		c.keys[name] = key
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
	var err error
	if c.mifare, err = in.Mifare.chip(in.UID); err != nil {
		return nil, fmt.Errorf("%w: mifare: %w", ErrReplay, err)
	}
	if c.memory, err = in.Memory.chip(); err != nil {
		return nil, fmt.Errorf("%w: memory: %w", ErrReplay, err)
	}
	if c.document, err = in.Document.chip(); err != nil {
		return nil, fmt.Errorf("%w: emrtd: %w", ErrReplay, err)
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

func (f File) file() (*file, error) {
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
