package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// group owns goroutines: the first that fails stops the daemon, and wait returns
// when all have ended.
type group struct {
	stop context.CancelFunc
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

// start runs f. A panic is turned into an error with its stack, so that the
// queue is still closed properly; the service manager restarts the daemon.
func (g *group) start(name string, f func() error) {
	g.wg.Go(func() {
		err := func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %T\n%s", p, debug.Stack()) // the value could hold patient data
				}
			}()
			return f()
		}()
		if err != nil {
			g.mu.Lock()
			g.errs = append(g.errs, fmt.Errorf("%s: %w", name, err))
			g.mu.Unlock()
			g.stop()
		}
	})
}

func (g *group) wait() error {
	g.wg.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.errs...)
}
