package desk

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is a tab of a real browser, and what its console said.
type chromium struct {
	ctx     context.Context
	mu      sync.Mutex
	console []string
}

// opener opens a tab with storage of its own and lang as its first language.
type opener func(t *testing.T, lang string) *chromium

// startChromium starts a browser for the test and its subtests, or skips it.
func startChromium(t *testing.T) opener {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is not started with -short")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium; install the package chromium to run the page's tests")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	allocator, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 860))
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil {
			t.Logf("chromium: %v", err)
		}
		closeBrowser()
		stop()
		cancel()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return func(t *testing.T, lang string) *chromium {
		t.Helper()
		c := &chromium{}
		tab, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(c.hear))
		c.ctx = tab
		t.Cleanup(closeTab)
		c.do(t, command(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{AcceptLanguage: lang}),
			chromedp.EmulateViewport(1280, 860))
		return c
	}
}

// command is a command of the DevTools protocol without an answer, as an action.
func command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cmd, params)
		return err
	})
}

// hear keeps everything that a clean page does not say.
func (c *chromium) hear(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		c.console = append(c.console, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *cdpruntime.EventExceptionThrown:
		c.console = append(c.console, "exception: "+e.ExceptionDetails.Text)
	case *cdpruntime.EventConsoleAPICalled:
		c.console = append(c.console, fmt.Sprint("console.", e.Type))
	}
}

func (c *chromium) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.console...)
}

func (c *chromium) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(c.ctx, actions...); err != nil {
		t.Fatalf("chromium: %v (console: %v)", err, c.said())
	}
}

// evaluate returns the value of a JavaScript expression, awaited.
func evaluate[T any](t *testing.T, c *chromium, expression string) T {
	t.Helper()
	value, err := chromedp.Run(c.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("chromium: %v (console: %v)", err, c.said())
	}
	return value
}

// poll waits until the function is true of the arguments.
func (c *chromium) poll(function string, args ...any) error {
	_, err := chromedp.Run(c.ctx, chromedp.PollFunction[bool](function, chromedp.WithPollingArgs(args...),
		chromedp.WithPollingMutation(), chromedp.WithPollingTimeout(20*time.Second)))
	return err
}

// wantText waits until the element's text holds all of want.
func (c *chromium) wantText(t *testing.T, selector string, want ...string) {
	t.Helper()
	err := c.poll(`(selector, want) => {
		const e = document.querySelector(selector);
		return e !== null && want.every((text) => e.textContent.indexOf(text) >= 0);
	}`, selector, want)
	if err != nil {
		t.Fatalf("%s never held %q: %v\nconsole: %v\npage:\n%s", selector, want, err, c.said(),
			evaluate[string](t, c, `document.body.innerText`))
	}
}

// wantGone waits until no element matches.
func (c *chromium) wantGone(t *testing.T, selector string) {
	t.Helper()
	if err := c.poll(`(selector) => document.querySelector(selector) === null`, selector); err != nil {
		t.Fatalf("%s is still there: %v", selector, err)
	}
}

// wantHidden waits until the element is not shown.
func (c *chromium) wantHidden(t *testing.T, selector string) {
	t.Helper()
	if err := c.poll(`(s) => document.querySelector(s).hidden`, selector); err != nil {
		t.Errorf("%s is still shown: %v", selector, err)
	}
}

// picture stores a screenshot when CARDFERRY_SCREENSHOTS names a directory.
func (c *chromium) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("CARDFERRY_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(c.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Error(err)
	}
}
