package usbsim

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// vhciDir is the virtual host controller's folder
// (Documentation/ABI/testing/sysfs-platform-usbip-vhci_hcd and usbip(8)).
const vhciDir = "/sys/devices/platform/vhci_hcd.0"

// portFree is VDEV_ST_NULL in the status file.
const portFree = "004"

// attachKernel gives the kernel one end of a socket pair: no TCP port, no usbip
// tools, no daemon.
func attachKernel(d *Device) (c link, freed func(), err error) {
	ports, err := portStatus()
	if err != nil {
		return nil, nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("plug a simulated USB device: %w", err)
	}
	host, device := os.NewFile(uintptr(pair[1]), "usbip host"), os.NewFile(uintptr(pair[0]), "usbip device")
	defer func() { _ = device.Close() }() // net.FileConn has its own copy
	defer func() { _ = host.Close() }()   // the kernel takes its own reference
	port, err := attachPort(ports, pair[1], d.speed())
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.FileConn(device)
	if err != nil {
		return nil, nil, fmt.Errorf("plug a simulated USB device: %w", err)
	}
	return conn.(*net.UnixConn), func() { awaitFree(port) }, nil
}

func (d *Device) speed() Speed {
	if d.Speed == 0 {
		return FullSpeed
	}
	return d.Speed
}

// attachPort takes the first free high-speed port, which serves all speeds up to
// that. Another process may be quicker: then it is the next one.
func attachPort(ports map[int]string, socket int, speed Speed) (int, error) {
	err := errors.New("all ports are taken; unplug a device")
	for port := range len(ports) {
		if ports[port] != portFree {
			continue
		}
		devID := 1<<16 | (port + 2) // bus 1, device; only shown
		line := fmt.Sprintf("%d %d %d %d", port, socket, devID, speed)
		if err = os.WriteFile(filepath.Join(vhciDir, "attach"), []byte(line), 0); err == nil {
			return port, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return 0, fmt.Errorf("%w: vhci_hcd takes devices from root only: %w", ErrNoHost, err)
		}
	}
	return 0, fmt.Errorf("plug a simulated USB device: %w", err)
}

// awaitFree returns when the port is free again, which the kernel does a moment
// after the link has ended.
func awaitFree(port int) {
	const patience, every = 5 * time.Second, 2 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if ports, err := portStatus(); err != nil || ports[port] == portFree {
			return
		}
	}
}

// portStatus returns the state of the high-speed ports.
func portStatus() (map[int]string, error) {
	f, err := os.Open(filepath.Join(vhciDir, "status"))
	if err != nil {
		return nil, fmt.Errorf("%w: no vhci_hcd in this kernel; as root: modprobe vhci-hcd, or run under drivers/rig/uml: %w", ErrNoHost, err)
	}
	defer func() { _ = f.Close() }()
	ports := map[int]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() { // hub port sta spd dev sockfd local_busid
		w := strings.Fields(lines.Text())
		if len(w) < 3 || w[0] != "hs" {
			continue
		}
		if n, err := strconv.Atoi(w[1]); err == nil {
			ports[n] = w[2]
		}
	}
	return ports, lines.Err()
}
