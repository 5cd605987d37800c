package intake

import (
	"bytes"
	"slices"

	"cardferry/hl7"
	"cardferry/sync/queue"
)

// Where the header says who speaks and about what.
var (
	pathSender       = hl7.Path{Segment: "MSH", Field: 3}
	pathFacility     = hl7.Path{Segment: "MSH", Field: 4}
	pathApplication  = hl7.Path{Segment: "MSH", Field: 3, Repetition: 1, Component: 1}
	pathFacilityName = hl7.Path{Segment: "MSH", Field: 4, Repetition: 1, Component: 1}
	pathType         = hl7.Path{Segment: "MSH", Field: 9, Repetition: 1, Component: 1}
	pathControlID    = hl7.Path{Segment: "MSH", Field: 10}
	pathSequence     = hl7.Path{Segment: "MSH", Field: 13}
	pathCharset      = hl7.Path{Segment: "MSH", Field: 18}
)

// item makes a queue item of a message. The same sender, control id and bytes
// make the same item, whenever they come again.
func (i *Intake) item(m *hl7.Message, s *sender) queue.Item {
	application, facility := rawText(m, pathSender), rawText(m, pathFacility)
	return queue.Item{
		ID:       i.o.ItemID("hl7v2", application, facility, string(m.ControlID()), string(m.Bytes())),
		Lanes:    i.lanes(m, application, facility),
		Class:    queue.Live,
		Kind:     queue.KindHL7v2,
		Source:   s.Name,
		Received: i.o.Now(),
		Payload:  m.Bytes(),
	}
}

// lanes orders by patient: the first identifier of each PID and of what goes
// away in a merge (MRG), so that a link, a swap or a merge waits for, and holds
// up, everyone it is about. A message about nobody is ordered by its sender. An
// item has at most [queue.MaxLanes]; a message about more patients than that
// keeps its order only with the first.
func (i *Intake) lanes(m *hl7.Message, application, facility string) []queue.Lane {
	var lanes []queue.Lane
	for _, seg := range m.Segments() {
		var field int
		switch {
		case segmentIs(seg, "PID"):
			field = 3
		case segmentIs(seg, "MRG"):
			field = 1
		default:
			continue
		}
		rep := seg.Field(field).Rep(1)
		id := rep.Component(1).Raw()
		if len(id) == 0 {
			continue
		}
		lane := queue.Lane(i.o.Lane("patient", string(id), string(rep.Component(4).Raw())))
		if !slices.Contains(lanes, lane) {
			lanes = append(lanes, lane)
		}
		if len(lanes) == queue.MaxLanes {
			break
		}
	}
	if len(lanes) == 0 {
		lanes = append(lanes, queue.Lane(i.o.Lane("sender", application, facility)))
	}
	return lanes
}

// segmentIs compares names without decoding.
func segmentIs(s hl7.Segment, name string) bool {
	return bytes.HasPrefix(s.Raw(), []byte(name)) && s.Name() == name
}

func rawText(m *hl7.Message, p hl7.Path) string { return string(m.At(p).Raw()) }
