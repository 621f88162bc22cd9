package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

func TestPullsInAPipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		var out bytes.Buffer
		g := &progress{w: &out, terminal: -1}
		for done := range int64(31) { // three seconds
			g.pulling("web: pulling", []graft.PullStatus{
				{Image: "a", Layers: 2, BytesDone: done * 1e5, Bytes: 3e6},
				{Image: "b", Layers: 1},
			})
			time.Sleep(100 * time.Millisecond)
		}
		want := `web: pulling
pull a: 0 of 2 layers, 0.0 of 3.0 MB
pull b: 0 of 1 layer
pull a: 0 of 2 layers, 1.0 of 3.0 MB
pull a: 0 of 2 layers, 2.0 of 3.0 MB
pull a: 0 of 2 layers, 3.0 of 3.0 MB
`
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", out.String(), want)
		}
	})
}

func TestPullsOnATerminal(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull) // has no size, as some terminals have none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	var out bytes.Buffer
	g := &progress{w: &out, terminal: int(null.Fd())}
	g.pulling("web", []graft.PullStatus{{Image: "a", LayersDone: 1, Layers: 2, BytesDone: 1e6, Bytes: 3e6}, {Image: "b", Layers: 1, Bytes: 1e6}})
	g.pulling("web", nil)
	g.end()
	want := "\r\x1b[Kpulling [======..................] 25% 1 of 3 layers, 1.0 of 4.0 MB, 2 images\r\x1b[Kweb\r\x1b[K"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestPullBarStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	for _, pull := range []graft.PullStatus{{}, {BytesDone: 9, Bytes: 3}, {BytesDone: -1, Bytes: 3}, {Bytes: -1}} {
		bar, _, _ := strings.Cut(pullBar([]graft.PullStatus{pull}), "]")
		if len(bar) != 25 {
			t.Errorf("%+v: bar %q", pull, bar)
		}
	}
}

func TestArgument(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"hello": "hello", "root_scheduler-2.0": "root_scheduler-2.0",
		"": "id", "-rf": "id", "a b": "id", "$(x)": "id", "a;b": "id", "größe": "id",
	} {
		if got := argument(name, "id"); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
