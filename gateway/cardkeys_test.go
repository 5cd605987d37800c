package gateway

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardferry/configs"
)

func TestCardKeys(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keys, err := readCardKeys([]configs.CardKey{{Name: "clinic", File: file("good", "01 02 03 04 05 06\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := keys.get("clinic"); !ok || !bytes.Equal(key, []byte{1, 2, 3, 4, 5, 6}) {
		t.Errorf("key %X, %v", key, ok)
	}
	if _, ok := keys.get("other"); ok {
		t.Error("a key that nobody configured is there")
	}
	for name, text := range map[string]string{"short": "0102", "long": "01020304050607", "no hex": "s3cret"} {
		_, err := readCardKeys([]configs.CardKey{{Name: "clinic", File: file(name, text)}})
		if err == nil || !strings.Contains(err.Error(), "clinic") || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readCardKeys([]configs.CardKey{{Name: "clinic", File: filepath.Join(dir, "none")}}); err == nil {
		t.Error("a file that is not there gave a key")
	}
}
