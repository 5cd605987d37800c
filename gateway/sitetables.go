package gateway

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cardferry/configs"
	"cardferry/drivers/card"
)

// LoadProfilesAt returns an engine of the shipped card profiles with those of path on
// top, a file or a directory of *.yaml, and the labels ("name@version") of the
// profiles that stand there: for trying profiles where they are written.
func LoadProfilesAt(path string) (*card.Engine, map[string]bool, error) {
	own, err := fileOrDir(path)
	if err != nil {
		return nil, nil, err
	}
	profiles, err := card.LoadProfiles(configs.Cards(), own)
	if err != nil {
		return nil, nil, fmt.Errorf("card profiles: %w", err)
	}
	files, err := fs.Glob(own, "*.yaml")
	if err != nil {
		return nil, nil, err
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%s holds no card profile: no *.yaml", path)
	}
	there := map[string]bool{}
	for _, p := range profiles {
		there[p.Label()] = slices.Contains(files, p.File())
	}
	engine, err := card.NewEngine(profiles)
	return engine, there, err
}

// fileOrDir is a directory, or one file as if it were alone in one.
func fileOrDir(path string) (fs.FS, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return os.DirFS(path), nil
	}
	return oneFile{path}, nil
}

// oneFile is a file system that holds one file at its root.
type oneFile struct{ path string }

func (f oneFile) Open(name string) (fs.File, error) {
	if name != filepath.Base(f.path) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return os.Open(f.path)
}

// Glob implements [fs.GlobFS].
func (f oneFile) Glob(pattern string) ([]string, error) {
	name := filepath.Base(f.path)
	match, err := filepath.Match(pattern, name)
	if !match {
		return nil, err
	}
	return []string{name}, nil
}
