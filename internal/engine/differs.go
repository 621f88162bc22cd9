package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/graftplatform/graft"
)

// differing returns a sentence for each network and volume of an installation that
// is there and is not as its version says. Docker can't change them, and Graft does
// not make them anew by itself: a volume has data, and containers that go on
// untouched may be on a network.
func (w *world) differing(inst *graft.Installation) (warnings []string) {
	for _, network := range inst.AllNetworks() {
		name := w.networkName(inst, network.Name)
		found := w.network(name)
		if found == nil || !w.owned(found.Labels, inst.ID) {
			continue // it is made as it should be, or it is not the addon's
		}
		what := otherDriver(found.Driver, network.Driver)
		if found.EnableIPv6 != network.EnableIPv6 {
			what = append(what, fmt.Sprintf("enable_ipv6 %v instead of %v", found.EnableIPv6, network.EnableIPv6))
		}
		if len(what) > 0 {
			warnings = append(warnings, fmt.Sprintf("network %q has %s, and stays so. To have it made anew, disable the addon and enable it again.",
				name, strings.Join(what, " and ")))
		}
	}
	for _, volume := range inst.AllVolumes() {
		name := w.volumeName(inst, volume.Name)
		found := w.volume(name)
		if found == nil || !w.ownsVolume(inst, found) && !w.mayTakeOver(inst, found) {
			continue
		}
		what := otherDriver(found.Driver, volume.Driver)
		if options := otherOptions(found.DriverOpts, volume.DriverOpts); len(options) > 0 {
			what = append(what, fmt.Sprintf("other driver_opts than the addon says (%s)", strings.Join(options, ", ")))
		}
		if len(what) > 0 {
			warnings = append(warnings, fmt.Sprintf("volume %q has %s, and stays so with what is in it. To have it made anew, save what is in it, uninstall the addon and install it again.",
				name, strings.Join(what, " and ")))
		}
	}
	return warnings
}

// otherDriver says which driver something has, if that is not the one that was asked
// for. Docker adds a tag to those that are plugins.
func otherDriver(is, asked string) []string {
	if strings.TrimSuffix(is, ":latest") == strings.TrimSuffix(asked, ":latest") {
		return nil
	}
	return []string{fmt.Sprintf("driver %s instead of %s", is, asked)}
}

// otherOptions returns the names of options that differ. Their values may be secret.
func otherOptions(are, asked map[string]string) []string {
	all := maps.Clone(asked)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, are)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		is, there := are[name]
		want, wanted := asked[name]
		return there == wanted && is == want
	})
}
