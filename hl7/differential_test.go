package hl7

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStructureAgainstPythonHL7 compares where every value stands with what an
// independent codec (Debian's python3-hl7) finds in the same messages.
func TestStructureAgainstPythonHL7(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's packages belong to Debian's Python
	if err := exec.Command(python, "-c", "import hl7").Run(); err != nil {
		t.Skip("python3-hl7 is not installed (apt-get install python3-hl7)")
	}
	files, err := filepath.Glob("testdata/messages/*.hl7")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	var messages []*Message
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, parse(t, string(b)))
	}
	messages = append(messages, parse(t, string(admission())),
		parse(t, "MSH$%*!@$A%B@C\rPID$1$$7*8%x@y||^~\\&$!F!\rZXX\rOBX$$$$$%%%$**$@@$\"\"%\r"),
		parse(t, plainMSH+"\rPID|1||7^^&&x^~~|~|^^|&|||\rEVN"+strings.Repeat("|x^y&z~q", 300)+"\r"))

	var texts []string
	for _, m := range messages {
		texts = append(texts, m.cur.cs.decode(canonical(m)))
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/leaves.py")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var theirs [][][]any
	if err := json.Unmarshal(out, &theirs); err != nil || len(theirs) != len(messages) {
		t.Fatalf("%d answers, %v", len(theirs), err)
	}
	compared := 0
	for i, m := range messages {
		var ours []string
		for p, v := range m.Leaves() {
			ours = append(ours, fmt.Sprint(p.Segment, p.Field, p.Repetition, p.Component, p.Subcomponent, " ", m.cur.cs.decode(v.Raw())))
		}
		if len(ours) != len(theirs[i]) {
			t.Errorf("message %d: %d values, python-hl7 finds %d", i, len(ours), len(theirs[i]))
			continue
		}
		for n, leaf := range theirs[i] {
			if want := fmt.Sprint(leaf[0], leaf[1], leaf[2], leaf[3], leaf[4], " ", leaf[5]); ours[n] != want {
				t.Errorf("message %d: %s, python-hl7 finds %s", i, ours[n], want)
			}
			compared++
		}
	}
	if compared < 1000 {
		t.Errorf("only %d values compared", compared)
	}
}
