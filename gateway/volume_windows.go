package gateway

import "golang.org/x/sys/windows"

// volumeSize is the size in bytes of the volume that holds dir.
func volumeSize(dir string) (int64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var total uint64
	err = windows.GetDiskFreeSpaceEx(p, nil, &total, nil)
	return int64(total), err
}
