package words

// Example is a descriptor to begin with; empty: there is none of that name.
func Example(name string) string {
	switch name {
	case "hello":
		return helloExample
	case "plugin":
		return pluginExample
	}
	return ""
}

// A web server beside the orchestrator.
const helloExample = `{
  "name": "hello",
  "version": "1.0.0",
  "description": "A web server that answers with its name",
  "services": [
    {
      "service_name": "hello",
      "image": "registry.example/you/hello:1",
      "ports": {
        "8080": "8088"
      },
      "environment": {
        "PORT": "8080"
      },
      "probe": {
        "http": {
          "port": 8080,
          "path": "/"
        }
      }
    }
  ]
}`

// A scheduler in the place of the cluster's own.
const pluginExample = `{
  "name": "my-scheduler",
  "version": "1.0.0",
  "description": "Replaces the scheduler of the cluster plane",
  "planes": [
    "cluster"
  ],
  "services": [
    {
      "service_name": "cluster_scheduler",
      "image": "registry.example/you/scheduler:1",
      "environment": {
        "API_PORT": "10105",
        "MANAGER_URL": "cluster_manager",
        "MANAGER_PORT": "10100"
      },
      "probe": {
        "tcp": {
          "port": 10105
        }
      }
    }
  ]
}`
