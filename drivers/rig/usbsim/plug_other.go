//go:build !linux

package usbsim

import "fmt"

func attachKernel(*Device) (link, func(), error) {
	return nil, nil, fmt.Errorf("%w: it needs Linux", ErrNoHost)
}
