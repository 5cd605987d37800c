package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// slowSync is a disk on which even grouped commits are slow.
const slowSync = 50 * time.Millisecond

func checkDataDir(_ context.Context, m Machine) []Finding {
	const check = "disk"
	dir := m.Config.DataDir
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return warn(check, dir+" does not exist yet", "it is made at the first start: systemctl start cardferry")
	case err != nil:
		return fail(check, fmt.Sprintf("%s cannot be looked at: %v", dir, err), "run as root, or as the user that runs cardferry")
	case !info.IsDir():
		return fail(check, dir+" is not a directory", "set data_dir to a directory on a local disk")
	}
	var out []Finding
	if info.Mode().Perm()&0o077 != 0 {
		out = append(out, warn(check, fmt.Sprintf("%s can be entered by others (%v)", dir, info.Mode().Perm()), "chmod 700 "+dir)...)
	}
	if v, err := volume(dir); err == nil {
		if v.remote != "" {
			out = append(out, fail(check, dir+" is on "+v.remote+", where a sync does not mean that data are safe", "set data_dir to a local disk")...)
		}
		if v.free < v.size/20 {
			out = append(out, fail(check, fmt.Sprintf("%d MB of %d MB are free; below 5 percent new messages are refused", v.free>>20, v.size>>20), "make room on the volume of "+dir)...)
		}
	}
	took, err := syncTime(dir)
	switch {
	case os.IsPermission(err):
		return append(out, warn(check, dir+" belongs to another user; writing to it was not tried", "run as root for the whole picture")...)
	case err != nil:
		return append(out, fail(check, fmt.Sprintf("nothing can be written to %s: %v", dir, err), "check the volume: mount, dmesg")...)
	case took > slowSync:
		out = append(out, warn(check, fmt.Sprintf("one sync takes %v; acknowledgements wait for it", took.Round(time.Millisecond)), "move data_dir to a faster disk")...)
	}
	if out == nil {
		return ok(check, fmt.Sprintf("%s is writable, a sync takes %v", dir, took.Round(10*time.Microsecond)))
	}
	return out
}

// syncTime is the median of five small writes that reach the disk.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer func() { _ = f.Close() }()
	var took []time.Duration
	for range 5 {
		begin := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func checkClock(_ context.Context, m Machine) []Finding {
	const check = "clock"
	if _, err := m.Config.Zone(); err != nil {
		return fail(check, "site.time_zone is not known here", "install tzdata, or correct site.time_zone")
	}
	if !clockSynchronised() {
		return warn(check, "the system clock is not synchronised; messages and reads carry its time", "timedatectl set-ntp true, or set up chrony with the hospital's time server")
	}
	return ok(check, "synchronised, site time zone "+m.Config.Site.TimeZone)
}

func checkTables(ctx context.Context, m Machine) []Finding {
	const check = "tables"
	r, err := m.TestTables(ctx)
	if err != nil {
		return fail(check, err.Error(), "correct the file; the line and column are named")
	}
	var out []Finding
	for _, name := range r.Failed {
		out = append(out, fail(check, "a table fails its own test: "+name, "cardferry card test, cardferry code test")...)
	}
	if out == nil {
		return ok(check, fmt.Sprintf("%d card profiles and %d code rules pass their %d tests", r.Cards, r.Codes, r.Tests))
	}
	return out
}

// checkSecrets looks at files that must exist and be private.
func checkSecret(key, path string) []Finding {
	const check = "secrets"
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return fail(check, key+" names a file that does not exist: "+path, "put the secret there, mode 0600, owned by cardferry")
	case err != nil:
		return warn(check, fmt.Sprintf("%s cannot be looked at: %v", key, err), "run as root")
	case info.Mode().Perm()&0o007 != 0:
		return fail(check, fmt.Sprintf("%s can be read by anybody (%v)", filepath.Clean(path), info.Mode().Perm()), "chmod 640 "+path)
	case info.Mode()&fs.ModeType != 0:
		return fail(check, key+" is not a file: "+path, "name a file")
	}
	return nil
}
