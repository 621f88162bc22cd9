package api

import (
	"net/http"
	"time"

	"github.com/graftplatform/graft/internal/shield"
)

// places bound what is held open for clients at a time.
type places struct {
	polls   *shield.Places // long polls: a goroutine and a connection each
	streams *shield.Places // events and logs that are followed
	lists   *shield.Places // whole lists that are longer than one write
}

func newPlaces() places {
	return places{
		polls:   shield.NewPlaces("long polls", 4096, 128),
		streams: shield.NewPlaces("streams", 1024, 32),
		lists:   shield.NewPlaces("whole lists", 64, 8),
	}
}

// chunkTime is how long a client may take to accept a part of a long answer.
const chunkTime = 15 * time.Second

// longAnswer writes an answer of any length. Its first write takes a place,
// unless it is the last one as well; each has a time of its own, in place of the
// server's limit for whole answers.
type longAnswer struct {
	http.ResponseWriter
	request *http.Request
	places  *shield.Places
	release func() // nil: it has no place
	last    bool
}

// Write implements io.Writer.
func (l *longAnswer) Write(p []byte) (int, error) {
	if l.release == nil && !l.last {
		release, err := l.places.Take(l.request)
		if err != nil {
			return 0, err
		}
		l.release = release
	}
	// A server without deadlines, such as a test's, writes on without one.
	_ = http.NewResponseController(l.ResponseWriter).SetWriteDeadline(time.Now().Add(chunkTime))
	return l.ResponseWriter.Write(p)
}

// end gives the place back.
func (l *longAnswer) end() {
	if l.release != nil {
		l.release()
	}
}
