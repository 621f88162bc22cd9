package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestAttacks runs one script an attack against the real program. Commands:
//
//	up [FLAG...]              starts graft, on free ports, until the script ends; sets
//	                          $MARKETPLACE, $ENGINE, $DASHBOARD, $REGISTRY and $TOKEN
//	request [-n TIMES] [-raw] METHOD URL [HEADER...] [@FILE] [<FILE]
//	                          prints the status, the headers and the body of the last answer;
//	                          the file @ is a header's value, the file < is the body
//	publish FILE              publishes an addon and prints it once it is decided
//	push IMAGE                pushes an image without layers
//	repeat TIMES TEXT FILE    writes a text so many times
//	evil KIND                 starts a registry of an attacker at $EVIL: redirect, realm or plain;
//	                          at $VICTIM listens what nobody may call
//	untouched                 fails if the victim was called
//	stall TIMES ADDRESS       opens so many requests whose bodies never come
//	log                       prints what graft logged so far
func TestAttacks(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/attack",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[attackKey{}] = &attack{}
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up": attackUp, "request": attackRequest, "publish": attackPublish, "push": attackPush, "repeat": attackRepeat,
			"evil": attackEvil, "untouched": attackUntouched, "stall": attackStall, "log": attackLog,
		},
	})
}

type attackKey struct{}

// attack is the state of one script.
type attack struct {
	log lockedBuffer

	mu     sync.Mutex
	called []string // what the victim was asked for
}

func attackOf(ts *testscript.TestScript) *attack { return ts.Value(attackKey{}).(*attack) }

// lockedBuffer is written by a process and read by the script.
type lockedBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

func attackUp(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath("graft")
	ts.Check(err)
	data := filepath.Join(ts.Getenv("WORK"), "data")
	flags := []string{
		"up", "--data-dir", data, "--log-level", "debug", "--docker-host", "unix://" + data + "/no.sock", "--marketplace-listen", "127.0.0.1:0",
		"--engine-listen", "127.0.0.1:0", "--dashboard-listen", "127.0.0.1:0", "--registry-listen", "127.0.0.1:0",
	}
	cmd := exec.CommandContext(context.Background(), path, append(flags, args...)...)
	cmd.Env = []string{"HOME=" + ts.Getenv("WORK"), "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = ts.Getenv("WORK")
	cmd.Stderr = &attackOf(ts).log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			ts.Fatalf("graft did not start: %s", attackOf(ts).log.String())
		}
		name, value, _ := strings.Cut(lines.Text(), " ")
		value = strings.TrimSpace(value)
		ts.Setenv(strings.ToUpper(name), value)
		ts.Setenv(strings.ToUpper(name)+"_ADDRESS", strings.TrimPrefix(value, "http://"))
		if name == "token" { // the last line
			break
		}
	}
	token, err := os.ReadFile(filepath.Join(data, "token"))
	ts.Check(err)
	ts.Setenv("TOKEN", strings.TrimSpace(string(token)))
}

func attackRequest(ts *testscript.TestScript, neg bool, args []string) {
	times, raw := 1, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-n":
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			times, args = n, args[2:]
		case "-raw":
			raw, args = true, args[1:]
		default:
			ts.Fatalf("request: there is no %s", args[0])
		}
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: request [-n TIMES] [-raw] METHOD URL [HEADER...] [<FILE]")
	}
	var body []byte
	var headers []string
	for _, arg := range args[2:] {
		if file, ok := strings.CutPrefix(arg, "<"); ok {
			var err error
			body, err = os.ReadFile(ts.MkAbs(file))
			ts.Check(err)
			continue
		}
		if file, ok := strings.CutPrefix(arg, "@"); ok {
			text, err := os.ReadFile(ts.MkAbs(file))
			ts.Check(err)
			arg = "X-Large: " + string(text)
		}
		headers = append(headers, arg)
	}
	var answer string
	for range times {
		var err error
		if raw {
			answer, err = sendRaw(args[0], args[1], headers)
		} else {
			answer, err = sendRequest(args[0], args[1], headers, body)
		}
		ts.Check(err)
	}
	_, err := io.WriteString(ts.Stdout(), answer)
	ts.Check(err)
}

func sendRequest(method, url string, headers []string, body []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var text bytes.Buffer
	fmt.Fprintln(&text, response.Status)
	_ = response.Header.Write(&text) // to memory
	_, err = io.Copy(&text, response.Body)
	return text.String(), err
}

// sendRaw sends a path as it is, which clients that mean well would clean.
func sendRaw(method, url string, headers []string) (string, error) {
	address, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	connection, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	lines := append([]string{method + " /" + path + " HTTP/1.1", "Host: localhost", "Connection: close"}, headers...)
	_, err = io.WriteString(connection, strings.Join(lines, "\r\n")+"\r\n\r\n")
	answer, readErr := io.ReadAll(connection)
	if len(answer) > 0 { // then the rest of what was sent may have been refused
		return string(answer), nil
	}
	return "", errors.Join(err, readErr)
}

func attackPublish(ts *testscript.TestScript, _ bool, args []string) {
	descriptor, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	expanded := os.Expand(string(descriptor), ts.Getenv)
	list := ts.Getenv("MARKETPLACE") + "/api/v1/marketplace/addons"
	auth := "Authorization: Bearer " + ts.Getenv("TOKEN")
	answer, err := sendRequest(http.MethodPost, list, []string{auth, "Content-Type: application/json"}, []byte(expanded))
	ts.Check(err)
	_, rest, ok := strings.Cut(answer, `"_id":"`)
	if !ok {
		ts.Fatalf("not published: %s", answer)
	}
	id, _, _ := strings.Cut(rest, `"`)
	for revision := 1; strings.Contains(answer, `"under_review"`); revision++ {
		answer, err = sendRequest(http.MethodGet, fmt.Sprintf("%s/%s?since=%d&timeout=10s", list, id, revision), []string{auth}, nil)
		ts.Check(err)
		if revision > 3 {
			ts.Fatalf("it is never decided: %s", answer)
		}
	}
	_, err = io.WriteString(ts.Stdout(), answer)
	ts.Check(err)
}

func attackPush(ts *testscript.TestScript, _ bool, args []string) {
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{
		Labels: map[string]string{"org.opencontainers.image.title": "<script>alert(1)</script>\x1b[31m"},
	}})
	ts.Check(err)
	reference, err := name.ParseReference(args[0])
	ts.Check(err)
	ts.Check(remote.Write(reference, image))
}

func attackRepeat(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Repeat(args[1], n)), 0o600))
}

func attackEvil(ts *testscript.TestScript, _ bool, args []string) {
	a := attackOf(ts)
	victim := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.called = append(a.called, r.URL.String())
	}))
	ts.Defer(victim.Close)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case args[0] == "realm":
			realm := "http://localhost" + victim.URL[strings.LastIndex(victim.URL, ":"):]
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		case args[0] == "redirect" && r.URL.Path != "/v2/":
			http.Redirect(w, r, victim.URL+"/admin", http.StatusTemporaryRedirect)
		}
	}))
	ts.Defer(evil.Close)
	ts.Setenv("EVIL", strings.TrimPrefix(evil.URL, "http://"))
	ts.Setenv("VICTIM", strings.TrimPrefix(victim.URL, "http://"))
}

func attackUntouched(ts *testscript.TestScript, neg bool, _ []string) {
	a := attackOf(ts)
	a.mu.Lock()
	defer a.mu.Unlock()
	if touched := len(a.called) > 0; touched != neg {
		ts.Fatalf("what the victim was asked for: %q", a.called)
	}
}

func attackStall(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		connection, err := net.DialTimeout("tcp", args[1], time.Minute)
		ts.Check(err)
		ts.Defer(func() { _ = connection.Close() })
		head := "POST /api/v1/marketplace/addons HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
			"Authorization: Bearer " + ts.Getenv("TOKEN") + "\r\nContent-Length: 1000\r\n\r\n{"
		_, err = io.WriteString(connection, head)
		ts.Check(err)
	}
}

func attackLog(ts *testscript.TestScript, _ bool, _ []string) {
	_, err := io.WriteString(ts.Stdout(), attackOf(ts).log.String())
	if err != nil && !errors.Is(err, io.EOF) {
		ts.Check(err)
	}
}
