// Package engine keeps addons running on one orchestrator. Data goes one way:
// users change the spec of installations in the store; the engine observes what
// there is, plans what is to be done, executes that, and writes down the status
// that it saw. plan and assess are pure: no I/O, no clock.
//
// Read it in this order: world.go (what was observed), plan.go and plan_swap.go
// (what to do about it), assess.go (what to tell users), execute.go, loop.go,
// operations.go and apart.go (what follows from how that went, for an addon that
// has been up one service at a time); engine.go is what the API calls.
package engine
