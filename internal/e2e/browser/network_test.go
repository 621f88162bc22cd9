package browser_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Docker's interfaces can't disturb the browser: it has none but the loopback one,
// in a namespace that is not this process's.
func TestChromiumHasItsOwnNetwork(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("only root can give the browser a network of its own")
	}
	pid := chromedp.FromContext(common.chromium).Browser.Process().Pid
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		t.Fatal(err)
	}
	if its == own {
		t.Errorf("the browser is in the network of this machine, %s", own)
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		t.Fatal(err)
	}
	interfaces := strings.Split(strings.TrimSpace(string(table)), "\n")[2:] // without the head
	if len(interfaces) != 1 || !strings.HasPrefix(strings.TrimSpace(interfaces[0]), "lo:") {
		t.Errorf("the browser has other interfaces than lo:\n%s", table)
	}
}

// What servers know of a page that asks is what they would without a relay: it has
// one origin, which browsers trust as they trust all of this machine.
func TestRequestsAreThoseOfDirectOnes(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 10)
	p := newTab(t, serve(t, strict, map[string]string{
		"/":       `<script src="/own.js"></script><form method="post" action="/form"><button>Send</button></form>`,
		"/own.js": `fetch("/fetch", {method: "POST"}).then(() => { document.title = "fetched"; })`,
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	})))
	p.open("/")
	p.hasTitle("fetched")
	for _, mode := range []string{"cors", "navigate"} {
		if mode == "navigate" {
			var secure bool
			p.evaluate(&secure, `() => isSecureContext`)
			if !secure {
				t.Error("the page is not in a secure context")
			}
			p.click("Send")
		}
		h := <-headers
		if h.Get("Sec-Fetch-Site") != "same-origin" || h.Get("Sec-Fetch-Mode") != mode || h.Get("Origin") != p.site {
			t.Errorf("for %s, the server is told %v", mode, h)
		}
		if with := h.Get("Cookie") != ""; with != (mode == "navigate") {
			t.Errorf("for %s, the server gets the cookies %q", mode, h.Get("Cookie"))
		}
		for _, name := range []string{"Via", "Forwarded", "X-Forwarded-For", "Proxy-Connection"} {
			if h.Get(name) != "" {
				t.Errorf("%s: %s", name, h.Get(name))
			}
		}
	}
}

// The relay leads to this machine and to nobody else.
func TestRelay(t *testing.T) {
	t.Parallel()
	server, way := listen(t), listen(t)
	go relay(way)
	port := func(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }
	for name, test := range map[string]struct {
		command, kind byte
		host          string
		port          uint16
		want          byte
	}{
		"another host":           {1, 3, "elsewhere.test", 80, 2},
		"another address":        {1, 3, "127.0.0.2", port(server), 2},
		"a name of this machine": {1, 3, "localhost", port(server), 2},
		"nobody there":           {1, 3, "127.0.0.1", 1, 5}, // the system gives that port to nobody
		"a command it has not":   {2, 3, "127.0.0.1", port(server), 7},
		"an address in bytes":    {1, 1, "127.0.0.1", port(server), 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, code := ask(t, way, test.command, test.kind, test.host, test.port)
			if code != test.want {
				t.Errorf("answered %d, not %d", code, test.want)
			}
			if rest, _ := io.ReadAll(conn); len(rest) > 0 {
				t.Errorf("after the refusal there is %q", rest)
			}
		})
	}
	t.Run("a server", func(t *testing.T) {
		t.Parallel()
		client, code := ask(t, way, 1, 3, "127.0.0.1", port(server))
		if code != 0 {
			t.Fatalf("refused: %d", code)
		}
		peer, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		// Each answer comes before the next question, and half a connection lasts.
		there, back := bufio.NewReader(peer), bufio.NewReader(client)
		for i := range 3 {
			fmt.Fprintln(client, "question", i)
			if line, err := there.ReadString('\n'); err != nil || line != fmt.Sprintln("question", i) {
				t.Fatalf("the server gets %q, %v", line, err)
			}
			fmt.Fprintln(peer, "answer", i)
			if line, err := back.ReadString('\n'); err != nil || line != fmt.Sprintln("answer", i) {
				t.Fatalf("the client gets %q, %v", line, err)
			}
		}
		_ = client.(*net.TCPConn).CloseWrite()
		if rest, err := io.ReadAll(there); err != nil || len(rest) > 0 {
			t.Errorf("at the end the server gets %q, %v", rest, err)
		}
		fmt.Fprint(peer, "the last word")
		peer.Close()
		if rest, err := io.ReadAll(back); err != nil || string(rest) != "the last word" {
			t.Errorf("at the end the client gets %q, %v", rest, err)
		}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// ask asks a relay for a connection, and returns its answer.
func ask(t *testing.T, way net.Listener, command, kind byte, host string, port uint16) (net.Conn, byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", way.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	hello := []byte{5, 2, 0, 2} // no password, or one
	request := append([]byte{5, command, 0, kind, byte(len(host))}, host...)
	if _, err := conn.Write(append(append(hello, request...), byte(port>>8), byte(port))); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 2+10)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	if answer[0] != 5 || answer[1] != 0 || answer[2] != 5 {
		t.Fatalf("the relay says %v", answer)
	}
	return conn, answer[3]
}
