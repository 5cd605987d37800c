package configs

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/configure.md anew")

const referenceHead = `# Configuration

The daemon reads ` + "`/etc/cardferry/cardferry.yaml`" + `, or the file named by ` + "`--config` or `$CARDFERRY_CONFIG`" + `. An environment variable wins over the
file (` + "`upstream.url`" + ` is ` + "`CARDFERRY_UPSTREAM_URL`" + `), and ` + "`--set key=value`" + ` wins over both. Codes are text and go in quotes; durations and
sizes carry a unit (` + "`30s`, `64MB`" + `). Check a change before a restart with ` + "`cardferry config check`" + `: every mistake is told with line,
column and the likely right key. A commented file to begin with: ` + "`cardferry config sample`" + `.

Secrets are never in this file, only the names of files that hold them.

| Key | Default | Meaning |
|---|---|---|
`

// reference is docs/configure.md, made from the types.
func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	rows(&b, reflect.ValueOf(Default()), "")
	return b.String()
}

func rows(b *strings.Builder, v reflect.Value, prefix string) {
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		key := join(prefix, f.Tag.Get("config"))
		switch {
		case f.Type.Kind() == reflect.Struct:
			rows(b, value, key)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			fmt.Fprintf(b, "| `%s` | | %s |\n", key, f.Tag.Get("doc"))
			rows(b, reflect.Zero(f.Type.Elem()), key+"[]")
		default:
			doc := f.Tag.Get("doc")
			if enum := f.Tag.Get("enum"); enum != "" {
				doc += " (" + strings.ReplaceAll(enum, ",", ", ") + ")"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, shown(value), doc)
		}
	}
}

func shown(v reflect.Value) string {
	if v.IsZero() || v.Kind() == reflect.Slice {
		return ""
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return "`" + d.String() + "`"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

func TestReferenceIsUpToDate(t *testing.T) {
	const file = "../docs/configure.md"
	if *update {
		if err := os.WriteFile(file, []byte(reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != reference() {
		t.Error("docs/configure.md does not match the types; run: go test ./configs -update")
	}
}
