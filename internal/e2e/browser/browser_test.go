// Package browser_test uses the dashboard as people do: with a real Chromium, of
// the real program, on a real Docker Engine. It is a module of its own, so that
// what drives the browser is no dependency of Graft's.
package browser_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/graftplatform/graft/internal/e2e/graftup"
	"github.com/graftplatform/graft/internal/e2e/ownnet"
)

// patience bounds every wait; a test that gets so far has failed.
const patience = 2 * time.Minute

// common is what all tests share, as it takes seconds to make: the program, and
// the browser, in which every test has tabs and cookies of its own.
var common struct {
	graft    string // path
	chromium context.Context
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "graft-test-browser")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	common.graft = filepath.Join(dir, "graft")
	if err := graftup.Build(context.Background(), common.graft); err != nil {
		return 0, err
	}
	browser, end, err := startChromium(filepath.Join(dir, "profile"))
	if err != nil {
		return 0, err
	}
	defer end()
	common.chromium = browser
	return m.Run(), nil
}

// startChromium starts a browser, whose end is to be called. It aborts what it is
// loading whenever a network interface comes or goes, as Docker's do all the time,
// and so it has a network of its own, where none does; only root can give it one.
func startChromium(profile string) (browser context.Context, end func(), err error) {
	path, err := findChromium()
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-dev-shm-usage", true), // it is small in containers
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-GB"),
		// Whatever a page asks for, nothing leaves this machine.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	if os.Geteuid() != 0 {
		browser, end, err = launch(options)
	} else {
		err = ownnet.Do(func() error {
			browser, end, err = launchInside(options)
			return err
		})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s does not start: %w", path, err)
	}
	return browser, end, nil
}

// launchInside launches a browser in the network namespace of the calling thread,
// with a way out to the servers of the tests.
func launchInside(options []chromedp.ExecAllocatorOption) (context.Context, func(), error) {
	var config net.ListenConfig
	inside, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	go relay(inside)
	browser, endBrowser, err := launch(append(options,
		chromedp.NoSandbox, // it can't be had by root
		chromedp.ProxyServer("socks5://"+inside.Addr().String()),
		chromedp.Flag("proxy-bypass-list", "<-loopback>"), // it is this machine that is to be reached
	))
	if err != nil {
		inside.Close()
		return nil, nil, err
	}
	return browser, func() { endBrowser(); inside.Close() }, nil
}

// launch starts a browser and is connected with it, both by the calling thread: that
// is what puts them into its network namespace.
func launch(options []chromedp.ExecAllocatorOption) (context.Context, func(), error) {
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, endBrowser := chromedp.NewContext(allocator)
	end := func() { endBrowser(); endAllocator() }
	if err := chromedp.Run(browser); err != nil {
		end()
		return nil, nil, err
	}
	return browser, end, nil
}

// findChromium returns the path of the browser.
func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New(`these tests need Chromium, which is not installed: run scripts/setup.sh, or "sudo apt-get install chromium"`)
}
