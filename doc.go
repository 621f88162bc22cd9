// Package graft holds the words of Graft, the addon platform for Oakestra:
// descriptors, addons, installations, their statuses, and the errors that all
// other packages speak. It imports nothing of ours.
//
// The wire format of every exported type is its JSON encoding; clients of the
// old addon manager and marketplace read the same field names.
package graft
