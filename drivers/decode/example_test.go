package decode_test

import (
	"context"
	"fmt"
	"log"

	"cardferry/drivers"
	"cardferry/drivers/decode"
)

// The fields and the output of a card with one file of 17 bytes.
func Example() {
	const text = `
fields:
  number: {from: file, do: [slice: "0:4", bcd], required: true}
  name: {from: "file[4:12]", do: [trim: nul, text: big5]}
  birth: {from: "file[12:16]", do: [bcd, date: yyyymmdd]}
  sex: {from: "file[16:17]", do: [text: ascii, gender]}
output:
  patient:
    identifier: [{system: "https://example.org/id", value: "${number}"}]
    name: [{text: "${name}"}]
    birthDate: ${birth}
    gender: ${sex}
`
	root, err := decode.Parse("card.yaml", []byte(text))
	if err != nil {
		log.Fatal(err)
	}
	var card struct {
		Fields decode.Fields `yaml:"fields,required"`
		Output decode.Output `yaml:"output,required"`
	}
	d := decode.NewDecoder("card.yaml")
	d.Decode(root, &card)
	card.Fields.Compile(d, map[string]decode.Kind{"file": decode.KindBytes})
	card.Output.Compile(d, &card.Fields, nil)
	if err := d.Err(); err != nil {
		log.Fatal(err)
	}

	file := []byte("\x12\x34\x56\x78\xA4\xFD\xB4\xFA\xB8\xD5\x00\x00\x19\x87\x02\x15F")
	reading, err := card.Fields.Evaluate(context.Background(), map[string]decode.Value{"file": decode.BytesValue(file)}, decode.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var read drivers.Read
	if err := card.Output.Fill(reading, nil, nil, &read); err != nil {
		log.Fatal(err)
	}
	p := read.Patient
	fmt.Println(p.Identifier[0].Value, p.Name[0].Text, p.BirthDate, p.Gender)
	// Output: 12345678 王測試 1987-02-15 female
}

// What the language is, as data: the first stages and their examples.
func ExampleDescribe() {
	for _, s := range decode.Describe().Stages[:3] {
		fmt.Printf("%s, %s to %s: %s\n", s.Name, s.Takes, s.Gives, s.Example)
	}
	// Output:
	// text, bytes to text: text: big5
	// trim, bytes or text to bytes or text: trim: [nul, space]
	// until, bytes or text to bytes or text: until: 00
}
