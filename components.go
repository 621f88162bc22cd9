package graft

import "slices"

// WellKnownComponents returns the names of the components of a plane of
// Oakestra, as its own Compose files name them.
func WellKnownComponents(plane Plane) []string {
	switch plane {
	case PlaneRoot:
		return []string{
			"system_manager", "mongo", "mongo_net", "root_service_manager", "root_redis", "grafana", "loki",
			"promtail", "root_scheduler", "root_resource_abstractor", "jwt_generator",
		}
	case PlaneCluster:
		return []string{
			"mqtt", "cluster_mongo", "cluster_mongo_net", "cluster_service_manager", "cluster_manager",
			"cluster_scheduler", "cluster_resource_abstractor", "cluster_redis", "prometheus", "cluster_grafana",
			"cluster_loki", "cluster_promtail",
		}
	}
	return nil
}

// Kind is what an addon does to an orchestrator.
type Kind string

const (
	KindPlugin    Kind = "plugin"    // one of its services takes a well-known component's place
	KindExtension Kind = "extension" // it comes beside them
)

// Replaces returns the well-known components, sorted, whose place the addon's
// services take by their names, on the planes that it is made for. An
// orchestrator may have other components, too.
func (d *Descriptor) Replaces() []string {
	planes := d.Planes
	if len(planes) == 0 {
		planes = []Plane{PlaneRoot, PlaneCluster}
	}
	replaced := []string{}
	for _, plane := range planes {
		for _, component := range WellKnownComponents(plane) {
			if slices.ContainsFunc(d.Services, func(s Service) bool { return bears(plane, s.Name, component) }) {
				replaced = append(replaced, component)
			}
		}
	}
	slices.Sort(replaced)
	return slices.Compact(replaced)
}

// SetKind finds out what the addon does to an orchestrator.
func (a *Addon) SetKind() {
	a.Kind, a.Replaces = KindExtension, a.Descriptor.Replaces()
	if len(a.Replaces) > 0 {
		a.Kind = KindPlugin
	}
}

// bears is whether a service has a component's name, with the plane's prefix or
// without.
func bears(plane Plane, service, component string) bool {
	return component == service || component == string(plane)+"_"+service
}
