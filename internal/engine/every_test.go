//go:build !race

package engine_test

// every is how many positions of an enumeration make one case: all of them.
const every = 1
