package card_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"cardferry/drivers/card"
)

// Replaying a Taiwan NHI card from a file instead of a reader.
func ExampleEngine_Replay() {
	profiles, err := card.LoadProfiles(os.DirFS("../../configs/cards"))
	if err != nil {
		log.Fatal(err)
	}
	engine, err := card.NewEngine(profiles)
	if err != nil {
		log.Fatal(err)
	}
	read, err := engine.Replay(context.Background(), strings.NewReader(`{
		"atr": "3BFA1800008131FE4550564A434F503453494493", "protocol": "T=1",
		"exchange": [
			{"c": "00A4040010D1580000010000000000000000001100", "r": "9000"},
			{"c": "00CA1100020000", "r": "303030303939393930303031A4FDB4FAB8D50000000000000000000000000000413230303030303030333037353033313546313039303130319000"}
		]}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read.Medium, read.Patient.Name[0].Text, read.Patient.BirthDate, read.Patient.Gender)
	// Output: tw-nhi 王測試 1986-03-15 female
}
