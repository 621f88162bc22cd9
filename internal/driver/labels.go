package driver

// Labels that Graft puts on what it creates. The first two and the Compose ones
// are those of the old addon manager; EngineLabel is what ownership goes by.
const (
	AddonIDLabel        = "oak.addon.id"     // installation id; its key is a setting
	ServiceNameLabel    = "oak.service.name" // its key is a setting
	ComposeProjectLabel = "com.docker.compose.project"
	ComposeServiceLabel = "com.docker.compose.service"
	// ComposeOneOffLabel is "True" for what "docker compose run" made.
	ComposeOneOffLabel = "com.docker.compose.oneoff"

	// EngineLabel has the id of the engine that owns the thing, so that several
	// engines share one runtime without touching each other's.
	EngineLabel = "graft.engine"
	// InstallationLabel has the id of the installation that it belongs to.
	InstallationLabel = "graft.installation"
	// ServiceLabel has the service's name.
	ServiceLabel = "graft.service"
	// SpecLabel has a digest of the specification that a container was
	// created with, so that drift is seen.
	SpecLabel = "graft.spec"
	// ComponentLabel has the container name of the component that a plugin
	// stands in for, or that a network is for.
	ComponentLabel = "graft.component"
	// ProbeLabel has the service's graft.Probe as JSON, if it has one, so that
	// whoever sees the container can probe it.
	ProbeLabel = "graft.probe"
)
