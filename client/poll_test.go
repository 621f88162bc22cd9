package client

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/graftplatform/graft"
)

func TestPollPace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		revision int64
		err      error
		takes    time.Duration
	}{
		{"news come at once", 6, nil, 0},
		{"no news come at a pace", 5, nil, pollPause},
		{"errors come at once", 0, errors.New("broken"), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := poll(t.Context(), func(context.Context) (string, int64, error) {
					return "", test.revision, test.err
				}, 5)
				if took := time.Since(start); took != test.takes || !errors.Is(err, test.err) {
					t.Errorf("took %v with error %v", took, err)
				}
			})
		})
	}
}

func TestPollEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := poll(ctx, func(context.Context) (string, int64, error) {
		cancel()
		return "", 0, nil
	}, 0)
	if graft.ErrorCode(err) != graft.CodeUnavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSlowServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Engine: "http://engine.test"})
		if err != nil {
			t.Fatal(err)
		}
		c.http.Transport = hanging{}
		start := time.Now()
		_, err = c.Components(t.Context())
		var unreached *ConnectionError
		if graft.ErrorCode(err) != graft.CodeUnavailable || !errors.As(err, &unreached) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != answerTimeout {
			t.Errorf("gave up after %v", took)
		}
	})
}

// hanging never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
