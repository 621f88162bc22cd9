package docker_test

import (
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/docker"
)

func wantCode(t *testing.T, err error, code graft.Code, words ...string) {
	t.Helper()
	if graft.ErrorCode(err) != code {
		t.Fatalf("error is %q (%v), want code %q", graft.ErrorCode(err), err, code)
	}
	for _, word := range words {
		if !strings.Contains(graft.ErrorMessage(err), word) {
			t.Errorf("message %q does not say %q", graft.ErrorMessage(err), word)
		}
	}
}

func TestDockerAwayAndBack(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	d := newDriver(t, docker.Options{Host: p.host()})
	away := func() {
		t.Helper()
		_, err := d.Observe(t.Context())
		wantCode(t, err, graft.CodeUnavailable, p.host(), "is it running")
		wantCode(t, d.Start(t.Context(), "x"), graft.CodeUnavailable, p.host())
		wantCode(t, d.Watch(t.Context(), time.Time{}, func() { t.Error("connected to nothing") }, nil), graft.CodeUnavailable)
	}
	away()
	p.start()
	if _, err := d.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	connected, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- d.Watch(t.Context(), time.Time{}, func() { close(connected) }, func(driver.Event) {})
	}()
	<-connected
	p.stop()
	wantCode(t, <-ended, graft.CodeUnavailable)
	away()
	p.start()
	if _, err := d.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestVersionIsNegotiatedAnew(t *testing.T) {
	t.Parallel()
	var version atomic.Value
	version.Store("1.40")
	server := httptest.NewServer(oldEngine(func() string { return version.Load().(string) }))
	defer server.Close()
	d := newDriver(t, docker.Options{Host: strings.Replace(server.URL, "http", "tcp", 1)})
	_, err := d.Info(t.Context())
	wantCode(t, err, graft.CodeUpstream, "1.40", "1.41", "update")

	for _, v := range []string{"1.41", "1.44"} { // updated while we are away
		version.Store(v)
		_ = d.Close()
		info, err := d.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.APIVersion != v || info.Platform != "linux/arm" {
			t.Errorf("info is %+v, want API %s", info, v)
		}
	}
}

func TestBadHosts(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"nonsense", "unix://", "ssh://somewhere"} {
		_, err := docker.New(docker.Options{Host: host})
		wantCode(t, err, graft.CodeInvalid, "can't be used")
	}
}
