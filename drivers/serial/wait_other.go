//go:build !linux

package serial

// nodeWatch tells nothing here: the driver looks again after its pause.
type nodeWatch struct{ changed chan struct{} }

func watchNode(string) *nodeWatch { return &nodeWatch{} }

func watchNodes(string) *nodeWatch { return &nodeWatch{} }

func (n *nodeWatch) close() {}
