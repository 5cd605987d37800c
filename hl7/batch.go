package hl7

import (
	"bytes"
	"strconv"
)

// Batch is what a stream or file of messages was split into (HL7 v2.9, 2.10.3).
// All slices point into the input.
type Batch struct {
	FileHeader  []byte   // the FHS segment, nil without one
	BatchHeader []byte   // the first BHS segment, nil without one
	Messages    [][]byte // each from its MSH to the next header or trailer
	Warnings    []Warning
}

// Split takes a batch (FHS, BHS, messages, BTS, FTS), or messages written one
// after the other without any batch segment, apart into messages. MLLP block
// characters between messages are skipped. Counts in BTS-1 and FTS-1 that do not
// hold become warnings. One message alone comes back as one, byte for byte. The
// error is a [*ParseError] when there is neither a message nor a batch header.
func Split(b []byte, o Options) (Batch, error) {
	limit := o.MaxSize
	if limit <= 0 {
		limit = DefaultMaxSize
	}
	if len(b) > limit {
		return Batch{}, &ParseError{Err: ErrTooLarge, Offset: limit, Detail: "limit " + strconv.Itoa(limit) + " bytes"}
	}
	if bytes.HasPrefix(b, []byte{0xFE, 0xFF}) || bytes.HasPrefix(b, []byte{0xFF, 0xFE}) {
		return Batch{Messages: [][]byte{b}}, nil // UTF-16 has no batches here
	}
	s := splitter{in: b, from: -1, inBatch: -1}
	s.run()
	if len(s.out.Messages) == 0 && s.out.FileHeader == nil && s.out.BatchHeader == nil {
		if len(bytes.Trim(b, " \r\n\t\x00\x0b\x1c"+utf8BOM)) == 0 {
			return Batch{}, &ParseError{Err: ErrEmpty}
		}
		return Batch{}, &ParseError{Err: ErrNoMSH}
	}
	return s.out, nil
}

// splitter walks the lines of a batch.
type splitter struct {
	in      []byte
	from    int // start of the message being collected, -1 outside
	out     Batch
	w       warnings
	batches int
	inBatch int // messages before the current BHS, -1 outside a batch
}

func (s *splitter) run() {
	term := terminator(s.in)
	for pos := 0; pos < len(s.in); {
		if c := s.in[pos]; isFiller(c) || c == startBlock || c == endBlock {
			if c == startBlock || c == endBlock {
				s.finish(pos)
			}
			pos++
			continue
		}
		if pos == 0 && bytes.HasPrefix(s.in, []byte(utf8BOM)) {
			if rest := s.in[len(utf8BOM):]; bytes.HasPrefix(rest, []byte("MSH")) {
				s.from = 0
			}
			pos = len(utf8BOM)
			continue
		}
		end, next := len(s.in), len(s.in)
		if j := bytes.IndexByte(s.in[pos:], term); j >= 0 {
			end, next = pos+j, pos+j+1
		}
		if j := bytes.IndexByte(s.in[pos:end], endBlock); j >= 0 {
			end, next = pos+j, pos+j
		}
		s.line(pos, end)
		pos = next
	}
	s.finish(len(s.in))
	s.out.Warnings = s.w
}

// The MLLP block characters, met here in files that were recorded from a wire.
const (
	startBlock = 0x0B
	endBlock   = 0x1C
)

func (s *splitter) line(start, end int) {
	line := s.in[start:end]
	switch kind := batchSegment(line); kind {
	case "MSH":
		if s.from != 0 || start > len(utf8BOM) {
			s.finish(start)
		}
		if s.from < 0 {
			s.from = start
		}
	case "FHS":
		s.finish(start)
		if s.out.FileHeader == nil {
			s.out.FileHeader = line
		}
	case "BHS":
		s.finish(start)
		if s.out.BatchHeader == nil {
			s.out.BatchHeader = line
		}
		s.batches++
		s.inBatch = len(s.out.Messages)
	case "BTS":
		s.finish(start)
		s.check(line, start, len(s.out.Messages)-max(s.inBatch, 0), WarnBatchCount)
		s.inBatch = -1
	case "FTS":
		s.finish(start)
		s.check(line, start, max(s.batches, 1), WarnFileCount)
	default:
		if s.from < 0 {
			s.w.add(WarnOutsideMessage, start)
		}
	}
}

// finish ends the message being collected at end.
func (s *splitter) finish(end int) {
	if s.from >= 0 && end > s.from {
		s.out.Messages = append(s.out.Messages, s.in[s.from:end:end])
	}
	s.from = -1
}

// check compares the count in the first field of a trailer.
func (s *splitter) check(line []byte, at, want int, code WarningCode) {
	if len(line) < 5 {
		return // the count is optional
	}
	sep := line[3]
	field, _, _ := bytes.Cut(line[4:], []byte{sep})
	if field = bytes.TrimSpace(field); len(field) == 0 {
		return
	}
	if n, err := strconv.Atoi(string(field)); err != nil || n != want {
		s.w.add(code, at)
	}
}

// batchSegment is the name of a segment that structures a batch, "" for others.
func batchSegment(line []byte) string {
	if len(line) < 3 || len(line) > 3 && !isDelimiter(line[3]) {
		return ""
	}
	switch string(line[:3]) {
	case "MSH":
		return "MSH"
	case "FHS":
		return "FHS"
	case "BHS":
		return "BHS"
	case "BTS":
		return "BTS"
	case "FTS":
		return "FTS"
	}
	return ""
}
