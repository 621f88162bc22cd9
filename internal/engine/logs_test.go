package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/graftplatform/graft/internal/driver/fake"
	"github.com/graftplatform/graft/internal/store"
)

// logbook is an engine that does not run, with an installation of which lines
// of all four services are kept: one service runs, one ended, one was created
// and never started, one has no container.
type logbook struct {
	driver *fake.Driver
	engine *Engine
	inst   *graft.Installation
}

func newLogbook(t *testing.T) *logbook {
	t.Helper()
	st, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	d := fake.New(nil)
	e, err := New(Options{Store: st, Driver: d, Plane: graft.PlaneRoot})
	if err != nil {
		t.Fatal(err)
	}
	inst := &graft.Installation{MarketplaceID: "6b0342fd771242bc7f1c506c", Descriptor: graft.Descriptor{Name: "a"}}
	for _, name := range []string{"up", "ended", "created", "gone"} {
		inst.Services = append(inst.Services, graft.Service{Name: name})
		inst.Logs += fmt.Sprintf("%s | old 1\n%[1]s | old 2\n", name)
	}
	if err := st.CreateInstallation(t.Context(), inst); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"up", "ended", "created"} {
		image := "example.org/" + name + "@sha256:1"
		d.AddImage(image, fake.Behaviour{Output: "new " + name + "\n"})
		labels := map[string]string{
			driver.EngineLabel: e.settings.EngineID, driver.InstallationLabel: inst.ID, driver.ServiceLabel: name,
		}
		try(t, d.Pull(t.Context(), image, nil))
		_, err := d.Create(t.Context(), driver.ContainerSpec{
			Name: name, Image: image, Labels: labels, Restart: "no", Endpoints: []driver.Endpoint{{Network: "bridge"}},
		})
		try(t, err)
		if name != "created" {
			try(t, d.Start(t.Context(), name))
		}
	}
	try(t, d.Stop(t.Context(), "ended"))
	return &logbook{d, e, inst}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLogsFallBackServiceByService(t *testing.T) {
	t.Parallel()
	book := newLogbook(t)
	for _, c := range []struct {
		service string
		tail    int
		want    []string
	}{
		{"", 0, []string{"created | old 1", "created | old 2", "ended | new ended", "gone | old 1", "gone | old 2", "up | new up"}},
		{"", 1, []string{"created | old 2", "ended | new ended", "gone | old 2", "up | new up"}},
		{"up", 0, []string{"up | new up"}},
		{"gone", 0, []string{"gone | old 1", "gone | old 2"}},
	} {
		var out bytes.Buffer
		try(t, book.engine.Logs(t.Context(), book.inst.ID, c.service, driver.LogOptions{Tail: c.tail}, &out))
		got := strings.Split(strings.TrimSpace(out.String()), "\n")
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("service %q, tail %d: %q, want %q", c.service, c.tail, got, c.want)
		}
	}
	err := book.engine.Logs(t.Context(), book.inst.ID, "nope", driver.LogOptions{}, &bytes.Buffer{})
	if graft.ErrorCode(err) != graft.CodeNotFound {
		t.Error(err)
	}
}

// Kept lines have no time: they are left out when nothing changed since the time
// that is asked for.
func TestKeptLinesSince(t *testing.T) {
	t.Parallel()
	book := newLogbook(t)
	inst, err := book.engine.Installation(t.Context(), book.inst.ID)
	try(t, err)
	for since, want := range map[time.Time]string{
		inst.UpdatedAt: "gone | old 1\ngone | old 2\n", inst.UpdatedAt.Add(time.Second): "",
	} {
		var out bytes.Buffer
		try(t, book.engine.Logs(t.Context(), book.inst.ID, "gone", driver.LogOptions{Since: since}, &out))
		if out.String() != want {
			t.Errorf("since %v: %q, want %q", since, out.String(), want)
		}
	}
}

// While the runtime is away, what is kept can be read all the same.
func TestLogsWhileTheRuntimeIsAway(t *testing.T) {
	t.Parallel()
	book := newLogbook(t)
	book.driver.SetAway(true)
	var out bytes.Buffer
	try(t, book.engine.Logs(t.Context(), book.inst.ID, "up", driver.LogOptions{Tail: 1}, &out))
	if got := out.String(); got != "graft | the fake runtime is away; these lines were kept\nup | old 2\n" {
		t.Errorf("%q", got)
	}
	if out.Reset(); graft.ErrorCode(book.engine.Logs(t.Context(), book.inst.ID, "up", driver.LogOptions{Since: time.Now().Add(time.Hour)}, &out)) != graft.CodeUnavailable || out.Len() > 0 {
		t.Errorf("nothing is kept, and it says %q", out.String())
	}
}

// What a failed service wrote last is kept while it does not run, also when
// another one fails later.
func TestLastLinesOutliveContainers(t *testing.T) {
	t.Parallel()
	book := newLogbook(t)
	w, err := book.engine.world(t.Context())
	try(t, err)
	for _, c := range []struct{ failed, want string }{
		{"up ended created gone", "up | new up\nended | new ended\ncreated | old 1\ncreated | old 2\ngone | old 1\ngone | old 2\n"},
		{"ended", "ended | new ended\ncreated | old 1\ncreated | old 2\ngone | old 1\ngone | old 2\n"},
	} {
		if got := book.engine.lastLines(context.WithoutCancel(t.Context()), w, book.inst, strings.Fields(c.failed)); got != c.want {
			t.Errorf("%s failed: %q, want %q", c.failed, got, c.want)
		}
	}
}
