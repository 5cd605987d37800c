package gateway

import (
	"os"
	"path/filepath"
	"testing"
)

func TestApprovals(t *testing.T) {
	dir := t.TempDir()
	open := func() *approvals {
		t.Helper()
		a, err := openApprovals(dir)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const id = "0400:c35a@1-2.3"
	a := open()
	if a.has(id) {
		t.Error("nobody approved it, and it is approved")
	}
	if err := a.set(id, true); err != nil {
		t.Fatal(err)
	}
	if !a.has(id) || !open().has(id) {
		t.Error("an approval does not survive a restart")
	}
	if err := a.set(id, false); err != nil {
		t.Fatal(err)
	}
	if a.has(id) || open().has(id) {
		t.Error("an approval that was taken back is still there")
	}
}

func TestApprovalThatCannotBeKeptIsNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	a, err := openApprovals(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.set("0400:c35a", true); err == nil || a.has("0400:c35a") {
		t.Errorf("error %v, approved %v", err, a.has("0400:c35a"))
	}
}

func TestDamagedApprovalsAreTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "approved-devices.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openApprovals(dir); err == nil {
		t.Error("a damaged file was read as if nothing had been approved")
	}
}
