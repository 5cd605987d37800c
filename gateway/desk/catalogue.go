package desk

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/text/language"
)

// textFiles hold every text a person reads: problems, faults, warnings and the
// page, one flat JSON object per language with the same keys.
//
//go:embed texts/zh-CN.json texts/en.json
var textFiles embed.FS

// languages are the catalogue's, the default one first.
var languages = []string{"zh-CN", "en"}

// catalogue is the texts by language and key.
type catalogue map[string]map[string]string

// embeddedTexts returns the catalogue of this build. The files are part of the
// program, so a damaged one is a defect of the build and panics at start.
var embeddedTexts = sync.OnceValue(func() catalogue {
	c, err := loadCatalogue()
	if err != nil {
		panic(err)
	}
	return c
})

func loadCatalogue() (catalogue, error) {
	c := make(catalogue, len(languages))
	for _, l := range languages {
		file := "texts/" + l + ".json"
		data, err := textFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("desk texts: %w", err)
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			return nil, fmt.Errorf("desk texts %s: %w", file, err)
		}
		c[l] = texts
	}
	return c, nil
}

// matcher picks among languages; every Chinese is answered in zh-CN.
var matcher = language.NewMatcher([]language.Tag{language.MustParse("zh-CN"), language.English})

// maxAcceptLanguage bounds what is parsed; browsers send far less.
const maxAcceptLanguage = 256

// forRequest returns the texts in the language that Accept-Language
// (RFC 9110 section 12.5.4) asks for, zh-CN when it asks for none of them.
func (c catalogue) forRequest(r *http.Request) (string, map[string]string) {
	chosen := languages[0]
	header := r.Header.Get("Accept-Language")
	if header != "" && len(header) <= maxAcceptLanguage {
		if tags, _, err := language.ParseAcceptLanguage(header); err == nil {
			_, i, _ := matcher.Match(tags...)
			chosen = languages[i]
		}
	}
	return chosen, c[chosen]
}
