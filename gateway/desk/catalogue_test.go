package desk

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cardferry/drivers"
)

func TestLanguagesHaveTheSameTexts(t *testing.T) {
	texts := embeddedTexts()
	placeholder := regexp.MustCompile(`\{\w+\}`)
	for key, zh := range texts["zh-CN"] {
		en, ok := texts["en"][key]
		if !ok {
			t.Errorf("%s is missing in en", key)
			continue
		}
		if strings.TrimSpace(zh) == "" || strings.TrimSpace(en) == "" {
			t.Errorf("%s is empty", key)
		}
		if strings.HasPrefix(key, "date.") {
			continue // each language picks its parts of a date
		}
		a, b := placeholder.FindAllString(zh, -1), placeholder.FindAllString(en, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s has %v in zh-CN and %v in en", key, a, b)
		}
	}
	for key := range texts["en"] {
		if _, ok := texts["zh-CN"][key]; !ok {
			t.Errorf("%s is missing in zh-CN", key)
		}
	}
}

// TestEveryCodeHasTexts reads the constants from the source, so that a new code
// without a text fails here.
func TestEveryCodeHasTexts(t *testing.T) {
	texts := embeddedTexts()["en"]
	want := func(parts ...string) {
		if key := strings.Join(parts, "."); texts[key] == "" {
			t.Errorf("no text %s", key)
		}
	}
	problems := constants(t, "problem.go", "problemCode")
	if len(problems) != len(problemStatus) {
		t.Errorf("%d problem codes, but %d have a status", len(problems), len(problemStatus))
	}
	for _, code := range problems {
		if problemStatus[problemCode(code)] < 400 {
			t.Errorf("%s has no status", code)
		}
		want("problem", code, "title")
		want("problem", code, "detail")
		want("problem", code, "hint")
	}
	for _, code := range constants(t, "../../drivers/fault.go", "FaultCode") {
		want("fault", code, "say")
		want("fault", code, "do")
	}
	for _, level := range constants(t, "../../drivers/read.go", "Assurance") {
		want("assurance", level)
		want("assurance", level, "say")
	}
	for _, state := range constants(t, "readers.go", "State") {
		want("state", state)
	}
	for _, state := range constants(t, "status.go", "UpstreamState") {
		want("upstream", state)
	}
	for _, severity := range constants(t, "status.go", "Severity") {
		want("severity", severity)
	}
	for _, kind := range []string{drivers.KindSmartcard, drivers.KindScanner, drivers.KindIDCard} {
		want("kind", kind)
	}
}

// TestShippedTablesHaveTexts wants a name for every medium and a sentence for
// every warning of the card profiles and code rules that ship. A site's own
// tables need none: the page falls back to the code.
func TestShippedTablesHaveTexts(t *testing.T) {
	texts := embeddedTexts()["en"]
	found := 0
	for _, kind := range []struct {
		prefix string
		files  []string
		code   *regexp.Regexp
	}{
		{"medium.", []string{"../../configs/cards/*.yaml", "../../configs/codes/*.yaml"}, regexp.MustCompile(`\bmedium: "?([a-z0-9-]+)`)},
		{"identifier.", []string{"../../configs/cards/*.yaml", "../../configs/codes/*.yaml"}, regexp.MustCompile(`v2-0203", code: "?([A-Z0-9]+)`)},
		{"warning.", []string{"../../configs/cards/*.yaml", "../../configs/codes/*.yaml"}, regexp.MustCompile(`\bwarn(?:ings)?: \[?(?:\{code: )?([a-z_]+)`)},
		{"warning.", []string{"../../drivers/card/*.go", "../../drivers/code/*.go", "../../drivers/idcard/*.go"}, regexp.MustCompile(`\bwarn\("([a-z_]+)"|drivers\.Warning\{\{Code: "([a-z_]+)"`)},
		{"condition.", []string{"../../sync/queue/health.go"}, regexp.MustCompile(`= "(queue_[a-z_]+)"`)},
		{"condition.", []string{"../*.go"}, regexp.MustCompile(`(?:condition = |raise\()"([a-z_]+[a-z])"`)},
	} {
		for _, pattern := range kind.files {
			names, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if strings.HasSuffix(name, "_test.go") {
					continue
				}
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range kind.code.FindAllStringSubmatch(string(data), -1) {
					found++
					if key := kind.prefix + cmp.Or(m[1:]...); texts[key] == "" {
						t.Errorf("%s: add %s to texts/zh-CN.json and texts/en.json", name, key)
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("nothing found to check")
	}
}

// constants returns the values of a file's string constants of one type.
func constants(t *testing.T, file, typeName string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typeName {
			for _, v := range spec.Values {
				if literal, ok := v.(*ast.BasicLit); ok {
					value, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, value)
				}
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants of type %s", file, typeName)
	}
	return values
}

// TestEveryTextOfThePageIsThere finds the keys in the page's files.
func TestEveryTextOfThePageIsThere(t *testing.T) {
	texts := embeddedTexts()["en"]
	key := regexp.MustCompile(`(?:'|data-(?:text|label)=")((?:page|queue|upstream|warning|fault|kind|identifier|condition|age|date|duration)\.[\w.]*\w)['"]`)
	used := make(map[string]bool)
	for name, data := range pageSources(t) {
		for _, m := range key.FindAllStringSubmatch(data, -1) {
			used[m[1]] = true
			if texts[m[1]] == "" {
				t.Errorf("%s: no text %s", name, m[1])
			}
		}
	}
	built := []string{"page.link.up", "page.link.down", "page.unknown_card.say", "page.unknown_code.say", "page.payment_code.say", "page.refused.say", "page.forged.say", "page.no_person.say", "page.bank_card.say", "page.ambiguous.say", "page.needs_online.say"}
	for k := range maps.Keys(texts) {
		if strings.HasPrefix(k, "page.") && !used[k] && !slices.Contains(built, k) {
			t.Errorf("nothing uses %s", k)
		}
	}
}

// TestPageKeepsItsPolicy wants no code or style inside the markup, and nothing
// in the modules that would make markup of a card's text or fail in an old
// browser (Chromium 69, the oldest that hospitals' wrappers still carry).
func TestPageKeepsItsPolicy(t *testing.T) {
	markup := regexp.MustCompile(`(?i)<style|\sstyle=|\son\w+=|javascript:|<script[^>]*>[^<]|https?://`)
	module := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\?\.\w|\?\?|\.replaceChildren|\.at\(|\.replaceAll|Object\.hasOwn\(`)
	for name, data := range pageSources(t) {
		forbidden := module
		if strings.HasSuffix(name, ".html") {
			forbidden = markup
		}
		for _, found := range forbidden.FindAllString(data, -1) {
			t.Errorf("%s: %q", name, found)
		}
	}
}

func pageSources(t *testing.T) map[string]string {
	t.Helper()
	sources := make(map[string]string)
	err := fs.WalkDir(pageFiles, "page", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".html") {
			data, err := pageFiles.ReadFile(name)
			sources[name] = string(data)
			return err
		}
		return nil
	})
	if err != nil || len(sources) < 2 {
		t.Fatalf("%d sources: %v", len(sources), err)
	}
	return sources
}

func TestPageFilesAreServed(t *testing.T) {
	d := newDesk(t, Config{})
	for _, x := range pageRoutes() {
		w := get(d, strings.TrimSuffix(x.pattern, "{$}"))
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes, %q", x.pattern, w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
		}
		wantSecure(t, w.Header())
	}
	if w := get(d, "/"); !strings.Contains(w.Body.String(), `<html lang="zh-CN">`) {
		t.Error("the page does not begin in Chinese")
	}
}

func TestProblemsSpeakTheAskedLanguage(t *testing.T) {
	d := newDesk(t, Config{})
	for header, want := range map[string]string{
		"":                               "zh-CN",
		"zh-CN,zh;q=0.9,en;q=0.8":        "zh-CN",
		"zh-TW":                          "zh-CN",
		"en-US,en;q=0.9":                 "en",
		"de, en;q=0.5":                   "en",
		"zh;q=0.1, en;q=0.9":             "en",
		"fr":                             "en",
		"*":                              "zh-CN",
		"complete nonsense ;;;q=x":       "zh-CN",
		strings.Repeat("en, ", 1000):     "zh-CN",
		"en" + strings.Repeat("-a", 100): "zh-CN",
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/reads/none", nil)
		r.Header.Set("Accept-Language", header)
		w := do(d, r)
		if got := w.Header().Get("Content-Language"); got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
		p := decode[problemDocument](t, w, http.StatusNotFound)
		if p.Title != embeddedTexts()[want]["problem.read_unknown.title"] || p.Detail == "" || p.Hint == "" {
			t.Errorf("%.40q: %+v", header, p)
		}
	}
}
