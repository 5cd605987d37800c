// Package debian says which Debian packages a part of the rig lacks on this
// machine.
package debian

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Requirement is a program (by name) or a file (by its absolute path) and the
// package that has it.
type Requirement struct{ Probe, Package string }

// Missing returns the packages of what is not there, in order.
func Missing(requirements []Requirement) []string {
	var missing []string
	for _, r := range requirements {
		var err error
		if filepath.IsAbs(r.Probe) {
			_, err = os.Stat(r.Probe)
		} else {
			_, err = exec.LookPath(r.Probe)
		}
		if err != nil {
			missing = append(missing, r.Package)
		}
	}
	return missing
}

// Need returns nil when everything is there, and otherwise an error that wraps unavailable
// and says what root has to install.
func Need(requirements []Requirement, unavailable error) error {
	if missing := Missing(requirements); len(missing) > 0 {
		return fmt.Errorf("%w: as root: apt-get install %s", unavailable, strings.Join(missing, " "))
	}
	return nil
}
