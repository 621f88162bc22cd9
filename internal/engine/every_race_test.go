//go:build race

package engine_test

// every is how many positions of an enumeration make one case. The race detector
// makes each several times as long, and finds a race in any of them; all positions
// are tried without it.
const every = 20
