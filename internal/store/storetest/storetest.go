// Package storetest is what every database behind the store must do.
package storetest

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/store"
)

// Run runs the suite. Open returns an empty store that the test need not close.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	tests := map[string]func(*testing.T, *store.Store){
		"AddonRoundTrip":               addonRoundTrip,
		"AddonNotFound":                addonNotFound,
		"EachAddonFiltersAndOrders":    eachAddonFiltersAndOrders,
		"EachAddonStopsAtError":        eachAddonStopsAtError,
		"EachAddonReadsManyPages":      eachAddonReadsManyPages,
		"VerificationFinishes":         verificationFinishes,
		"VerificationRetries":          verificationRetries,
		"VerificationLeaseEnds":        verificationLeaseEnds,
		"VerificationIsReclaimed":      verificationIsReclaimed,
		"VerificationOfDeletedAddon":   verificationOfDeletedAddon,
		"VerificationClaimedOnce":      verificationClaimedOnce,
		"VerificationIsEnqueuedAgain":  verificationIsEnqueuedAgain,
		"VersionsAreNumbered":          versionsAreNumbered,
		"VersionsAreGivenOnce":         versionsAreGivenOnce,
		"VersionsAreOrdered":           versionsAreOrdered,
		"VersionsAtOnce":               versionsAtOnce,
		"NamesBelongToTheFirst":        namesBelongToTheFirst,
		"LatestIsKept":                 latestIsKept,
		"LookalikesAreFound":           lookalikesAreFound,
		"SearchFinds":                  searchFinds,
		"SearchFollowsChanges":         searchFollowsChanges,
		"SearchRefusesOtherCursors":    searchRefusesOtherCursors,
		"SearchOfMany":                 searchOfMany,
		"SearchAgreesWithLooking":      searchAgreesWithLooking,
		"InstallationRoundTrip":        installationRoundTrip,
		"InstallationExists":           installationExists,
		"InstallationNotFound":         installationNotFound,
		"InstallationKeepsConsent":     installationKeepsConsent,
		"PolicyRoundTrip":              policyRoundTrip,
		"SetDesiredWritesTheSpec":      setDesiredWritesTheSpec,
		"SetDesiredAfterRemoved":       setDesiredAfterRemoved,
		"SetVersionChangesWhatRuns":    setVersionChangesWhatRuns,
		"SetVersionOfWhatMayNotChange": setVersionOfWhatMayNotChange,
		"VersionBeforeIsKept":          versionBeforeIsKept,
		"VersionBeforeWhoLeaves":       versionBeforeWhoLeaves,
		"SetStatusWritesOnlyChanges":   setStatusWritesOnlyChanges,
		"SetStatusOfOldGeneration":     setStatusOfOldGeneration,
		"ActivatedStays":               activatedStays,
		"SwapRoundTrip":                swapRoundTrip,
		"SwapOfTwoInstallations":       swapOfTwoInstallations,
		"SwapChangesHands":             swapChangesHands,
		"SwapKeepsInstallation":        swapKeepsInstallation,
		"EventRoundTrip":               eventRoundTrip,
		"EventsComeInOrder":            eventsComeInOrder,
		"EventsArePruned":              eventsArePruned,
		"EventsAllOrNone":              eventsAllOrNone,
		"EngineIDStays":                engineIDStays,
		"ManyWritersAtOnce":            manyWritersAtOnce,
		"EndedContextIsExplained":      endedContextIsExplained,
		"QuotesAndControlCharsSurvive": quotesAndControlCharsSurvive,
		"AnyBytesAreKept":              anyBytesAreKept,
		"LatestIsOne":                  latestIsOne,
		"EventsInOrderOfManyWriters":   eventsInOrderOfManyWriters,
	}
	maps.Copy(tests, accessTests())
	maps.Copy(tests, keptTests())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		noError(t, err)
		return v
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantCode(t *testing.T, err error, code graft.Code) {
	t.Helper()
	if graft.ErrorCode(err) != code {
		t.Fatalf("error is %v (code %q), want code %q", err, graft.ErrorCode(err), code)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("differs (-want +got):\n%s", diff)
	}
}
