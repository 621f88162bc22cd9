package docker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/internal/driver"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

var _ driver.UsageReader = (*Driver)(nil)

// Usage implements driver.UsageReader.
func (d *Driver) Usage(ctx context.Context, id string) (usage driver.Usage, err error) {
	err = d.withContainer(ctx, id, func(api *client.Client, found string) error {
		// Docker would take two looks, a second apart, if it were asked for the rate.
		stats, err := readStats(ctx, api, found)
		if err != nil {
			return d.failed(api, err, "what container %q uses can't be read", id)
		}
		if stats.Read.IsZero() { // that is how Docker says so
			return graft.Errorf(graft.CodeConflict, "container %q does not run, and so uses nothing", id)
		}
		usage = driver.Usage{
			Time:   stats.Read.UTC(),
			CPU:    time.Duration(stats.CPUStats.CPUUsage.TotalUsage), //nolint:gosec // nanoseconds: good for 292 years
			Memory: memory(&stats.MemoryStats),
		}
		return nil
	})
	return usage, err
}

func readStats(ctx context.Context, api *client.Client, id string) (*container.StatsResponse, error) {
	result, err := api.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return nil, err
	}
	defer result.Body.Close()
	var stats container.StatsResponse
	if err := json.NewDecoder(result.Body).Decode(&stats); err != nil {
		return nil, err
	}
	return &stats, nil
}

// memory is how much a container has, as "docker stats" counts it: without the
// files in memory that were not used for long. Control groups of version 1 count
// those of a whole subtree as total_inactive_file, of version 2 as inactive_file.
func memory(stats *container.MemoryStats) int64 {
	inactive, isFirst := stats.Stats["total_inactive_file"]
	if !isFirst {
		inactive = stats.Stats["inactive_file"]
	}
	if inactive >= stats.Usage { // the two are not read at one time
		inactive = 0
	}
	return int64(stats.Usage - inactive) //nolint:gosec // bytes of memory
}
