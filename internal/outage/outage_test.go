package outage_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft/internal/outage"
)

// told returns what a log has, a line each, without the times of the day.
func told(b *bytes.Buffer) []string {
	return strings.Split(strings.TrimSpace(b.String()), "\n")
}

func newLog() (*outage.Log, *bytes.Buffer) {
	var b bytes.Buffer
	return outage.New(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))), &b
}

// What fails every second for three minutes and a half is told at its begin, once a
// minute, and at its end.
func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, b := newLog()
		l.Works(t.Context(), "it works")
		for range 210 {
			l.Failed(t.Context(), "it fails", errors.New("away"), "who", "me")
			time.Sleep(time.Second)
		}
		l.Works(t.Context(), "it works")
		l.Works(t.Context(), "it works")
		want := []string{
			`level=WARN msg="it fails" who=me error=away times=1`,
			`level=WARN msg="it fails" who=me error=away times=60`,
			`level=WARN msg="it fails" who=me error=away times=60`,
			`level=WARN msg="it fails" who=me error=away times=60`,
			`level=INFO msg="it works" after=3m30s`,
		}
		if got := told(b); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("told:\n%s", strings.Join(got, "\n"))
		}
	})
}

// What comes and goes all the time does not fill the log either.
func TestFlutter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, b := newLog()
		for range 600 {
			l.Failed(t.Context(), "it fails", errors.New("away"))
			l.Works(t.Context(), "it works")
			time.Sleep(time.Second)
		}
		if got := told(b); len(got) != 20 || !strings.Contains(got[19], "it works") {
			t.Errorf("%d lines in ten minutes, the last one %s", len(got), got[len(got)-1])
		}
	})
}
