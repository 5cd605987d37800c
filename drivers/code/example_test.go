package code_test

import (
	"fmt"
	"testing/fstest"

	"cardferry/drivers/code"
)

func ExampleRules_Recognise() {
	rules, err := code.LoadRules(fstest.MapFS{"site.yaml": {Data: []byte(`
rules:
  - name: ward-wristband
    version: 1
    medium: wristband
    match: 'W(?P<mrn>[0-9]{8})'
    output: {patient: {identifier: [{system: "urn:oid:2.999.1", value: "${mrn}"}]}}
    tests: {accept: ["W00000017"], reject: ["W1"]}
`)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	read := rules.Recognise([]byte("W00000017\r\n"))
	fmt.Println(read.Medium, read.Profile, read.Patient.Identifier[0].Value)
	fmt.Println(read) // a read masks itself
	// Output:
	// wristband ward-wristband@1 00000017
	// read  (wristband, masked)
}
