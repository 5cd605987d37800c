package doctor

import "golang.org/x/sys/unix"

type volumeInfo struct {
	size, free int64
	remote     string // kind of a file system that is not on this machine
}

// remotes are the statfs magic numbers of network file systems (statfs(2)).
var remotes = map[int64]string{0x6969: "NFS", 0xFF534D42: "CIFS", 0xFE534D42: "SMB2", 0x01021997: "9P", 0x65735546: "FUSE"}

func volume(dir string) (volumeInfo, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return volumeInfo{}, err
	}
	block := int64(st.Bsize)                                                                                                //nolint:unconvert // its type differs between architectures
	return volumeInfo{size: int64(st.Blocks) * block, free: int64(st.Bavail) * block, remote: remotes[int64(st.Type)]}, nil //nolint:unconvert // likewise
}

// clockSynchronised asks the kernel (adjtimex(2)): a clock that no time service
// steers says STA_UNSYNC.
func clockSynchronised() bool {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return true // not to be known here
	}
	return t.Status&unix.STA_UNSYNC == 0
}
