package graft

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// NewID returns a new id: 24 hex digits, the first eight the time in seconds,
// so that ids sort by age as those of the old system (BSON ObjectIDs) did.
func NewID(now time.Time) string {
	var id [12]byte
	binary.BigEndian.PutUint32(id[:4], uint32(now.Unix())) //nolint:gosec // wraps in 2106, as ObjectIDs do
	rand.Read(id[4:])                                      // never fails
	return hex.EncodeToString(id[:])
}

// ParseID returns id in lower case, and whether it is one at all.
func ParseID(id string) (string, bool) {
	if len(id) != 24 {
		return "", false
	}
	if _, err := hex.DecodeString(id); err != nil {
		return "", false
	}
	return strings.ToLower(id), true
}
