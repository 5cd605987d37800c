package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/fhir"
	"cardferry/hl7/fhir/r4"
	"cardferry/hl7/mllp"
)

const admit = "MSH|^~\\&|HIS|T|GW|T|20260102030405+0800||ADT^A01^ADT_A01|C1|P|2.5.1|||||CHN|UNICODE UTF-8\n" +
	"EVN|A01|20260102030405+0800\nPID|1||M1^^^HIS&1.2.3.4.5&ISO^MR||测试^甲||19800229|F\nPV1|1|I\n"

func TestHL7FHIRPrintsAValidBundle(t *testing.T) {
	out, err := command(t, admit, "hl7", "fhir")
	if err != nil {
		t.Fatal(err)
	}
	if issues := fhir.ValidateBundle([]byte(out)); len(issues) > 0 {
		t.Errorf("the Bundle is not valid: %v", issues)
	}
	var b r4.Bundle
	if err := json.Unmarshal([]byte(out), &b); err != nil || b.Type != "transaction" {
		t.Errorf("%v, type %q", err, b.Type)
	}
	if again, _ := command(t, admit, "hl7", "fhir", "-"); again != out {
		t.Error("the same message gives another Bundle")
	}
}

func TestHL7FHIRLinesGoesOnAfterABadLine(t *testing.T) {
	line, err := json.Marshal(map[string]any{"id": 7, "hl7": strings.ReplaceAll(admit, "\n", "\r")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "nonsense\n{\"id\":\"x\",\"hl7\":\"PID|1\"}\n"+string(line)+"\n", "hl7", "fhir", "--lines")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "error") || !strings.Contains(lines[1], `"id":"x"`) || !strings.Contains(lines[2], `"id":7,"bundle":{"resourceType":"Bundle"`) {
		t.Errorf("got %.300s", out)
	}
}

func TestHL7FHIRExplainNamesRowsAndPositions(t *testing.T) {
	out, err := command(t, admit, "hl7", "fhir", "--explain")
	if err != nil || strings.Contains(out, "测试") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"Patient.birthDate", "PID-7", "Patient.name[0].family"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestHL7ParsePrintsPaths(t *testing.T) {
	out, err := command(t, admit+"OBX|1|ST|A||x\nOBX|2|ST|B||y&z~w\n", "hl7", "parse", "--paths")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ADT^A01, version 2.5.1, UTF-8", "PID-5.1 ", `"测试"`, "PID-3.4.2 ", "OBX(2)-5[1].1.2 ", `"z"`, "OBX(2)-5[2] "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestHL7ParsePrintsATreeWithNames(t *testing.T) {
	out, err := command(t, admit, "hl7", "parse")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PID  Patient Identification", "Family Name", "测试"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if out, err = command(t, admit, "hl7", "parse", "--no-values"); err != nil || strings.Contains(out, "测试") || !strings.Contains(out, "(2 characters)") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestHL7ValidateWarnsAndIsStrictWhenAsked(t *testing.T) {
	broken := strings.Replace(admit, "19800229", "19800230", 1)
	out, err := command(t, admit+broken, "hl7", "validate")
	if err != nil || strings.Contains(out, "19800230") || !strings.Contains(out, "PID-7") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = command(t, admit+broken, "hl7", "validate", "--strict", "--json")
	if err == nil || !strings.Contains(err.Error(), "1 of 2 messages") {
		t.Errorf("strict: %v", err)
	}
	if second := strings.Split(out, "\n")[1]; !strings.Contains(second, `{"message":2,"findings":[{"code":"datatype","severity":"error","path":"PID-7`) {
		t.Errorf("got %s", second)
	}
}

func TestHL7ListenAnswersAndPrints(t *testing.T) {
	cmd := root()
	progress, told := io.Pipe()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(told)
	cmd.SetArgs([]string{"hl7", "listen", "127.0.0.1:0", "--count", "2", "--answer", "AE"})
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(context.Background()) }()
	line, err := bufio.NewReader(progress).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	for _, msg := range []string{strings.ReplaceAll(admit, "\n", "\r"), strings.ReplaceAll(strings.Replace(admit, "C1", "C2", 1), "\n", "\r")} {
		if ack, err := mllp.Send(t.Context(), addr, nil, []byte(msg)); err != nil || ack.Code != hl7.AE {
			t.Errorf("%v, %v", ack.Code, err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "|C1|") || !strings.Contains(out.String(), "|C2|") {
		t.Errorf("printed\n%s", out.String())
	}
}
