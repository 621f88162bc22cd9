package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// counter answers GET with a count and adds one to it on POST.
type counter struct {
	path string
	mu   sync.Mutex
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	count, err := c.read()
	if err == nil && r.Method == http.MethodPost {
		count++
		err = c.write(count)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, count)
}

func (c *counter) read() (int, error) {
	text, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// write replaces the file in one step, so that a kill never leaves half of one.
func (c *counter) write(count int) error {
	next := c.path + ".new"
	if err := os.WriteFile(next, []byte(strconv.Itoa(count)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.path)
}

// work adds one to the store every second until SIGINT or SIGTERM.
func work(storeURL string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if answer, err := call(ctx, http.MethodPost, storeURL); err != nil {
			fmt.Fprintln(os.Stderr, err)
		} else {
			fmt.Println("counted to", answer)
		}
		select {
		case <-ctx.Done():
			return 0
		case <-tick.C:
		}
	}
}

// page shows the store's count.
func page(storeURL string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count, err := call(r.Context(), http.MethodGet, storeURL)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "the store counts", count)
	})
}

func call(ctx context.Context, method, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return "", err
	}
	answer := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	return answer, nil
}
