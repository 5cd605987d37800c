package gateway

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// AdminTokenFile holds the token that queue operations ask for. Whoever may read
// the data directory may operate the queue.
func AdminTokenFile(dataDir string) string { return filepath.Join(dataDir, "admin.token") }

// adminToken reads the token, or makes one at first start.
func adminToken(dataDir string) (string, error) {
	path := AdminTokenFile(dataDir)
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	token := rand.Text()
	return token, os.WriteFile(path, []byte(token+"\n"), 0o600)
}
