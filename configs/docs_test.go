package configs

import (
	"os"
	"strings"
	"testing"
)

// TestConfigurationInTheDocumentsCanBeUsed loads every YAML block of the pages that show a
// site's configuration.
func TestConfigurationInTheDocumentsCanBeUsed(t *testing.T) {
	for _, page := range []string{"hl7.md", "readers.md"} {
		text, err := os.ReadFile("../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(text), "```yaml\n")[1:]
		if len(blocks) == 0 {
			t.Errorf("%s shows no configuration", page)
		}
		for _, b := range blocks {
			b, _, _ = strings.Cut(b, "```")
			if _, err := Parse(page, []byte("site: {id: \"000000000\"}\n"+b), nil, nil); err != nil {
				t.Errorf("%v\n%s", err, b)
			}
		}
	}
}
