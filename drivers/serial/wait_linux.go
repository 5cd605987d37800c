package serial

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// nodeWatch tells when a device node appears or changes its permissions, by inotify
// on its folder. udev removes /dev/serial/by-id with its last link, so where the folder
// is missing too the nearest one above it is watched.
type nodeWatch struct {
	changed chan struct{} // gets one value; nil when inotify is not to be had
	file    *os.File
	ended   chan struct{}
}

// watchNode watches one node. Without inotify it returns a watch that never tells.
func watchNode(path string) *nodeWatch {
	return watch(filepath.Dir(path), filepath.Base(path))
}

// watchNodes watches for any node in a folder.
func watchNodes(folder string) *nodeWatch { return watch(folder, "") }

// watch tells about name in folder, or about anything there when name is "".
func watch(folder, name string) *nodeWatch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return &nodeWatch{}
	}
	const events = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB
	for {
		if _, err = unix.InotifyAddWatch(fd, folder, events|unix.IN_ONLYDIR); err == nil {
			break
		}
		if folder == filepath.Dir(folder) {
			_ = unix.Close(fd)
			return &nodeWatch{}
		}
		name, folder = filepath.Base(folder), filepath.Dir(folder)
	}
	n := &nodeWatch{
		changed: make(chan struct{}, 1),
		file:    os.NewFile(uintptr(fd), "inotify"),
		ended:   make(chan struct{}),
	}
	go n.read(name)
	return n
}

// read passes events about name on until the watch is closed.
func (n *nodeWatch) read(name string) {
	defer close(n.ended)
	buf := make([]byte, 16<<10)
	for {
		got, err := n.file.Read(buf)
		if err != nil {
			return
		}
		if mentions(buf[:got], name) {
			select {
			case n.changed <- struct{}{}:
			default:
			}
		}
	}
}

// mentions says whether one of the inotify events is about name, "" being any. An event
// is a header of 16 bytes in native byte order, whose last word is the size of the name
// that follows, padded with zeros (inotify(7)).
func mentions(events []byte, name string) bool {
	for len(events) >= unix.SizeofInotifyEvent {
		size := int(binary.NativeEndian.Uint32(events[12:]))
		events = events[unix.SizeofInotifyEvent:]
		if size > len(events) {
			return false
		}
		if name == "" || string(bytes.TrimRight(events[:size], "\x00")) == name {
			return true
		}
		events = events[size:]
	}
	return false
}

// close ends the watch.
func (n *nodeWatch) close() {
	if n.file == nil {
		return
	}
	_ = n.file.Close()
	<-n.ended
}
