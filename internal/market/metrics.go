package market

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/graftplatform/graft"
)

// newVerifications registers what a marketplace measures, and returns how long
// verifications took; a nil registerer is a private one.
func newVerifications(reg prometheus.Registerer, addons addonCounter) *prometheus.HistogramVec {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	reg.MustRegister(addons)
	return promauto.With(reg).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "graft_verification_duration_seconds",
		Help:    "How long rounds of verification took; \"retry\" is one that is tried again later.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
	}, []string{"outcome"})
}

// verified notes a round of verification that was saved, with the addon that
// came of it; nil if it is tried again.
func (m *Market) verified(addon *graft.Addon, took time.Duration) {
	outcome := "retry"
	if addon != nil {
		outcome = string(addon.Status)
	}
	m.verifications.WithLabelValues(outcome).Observe(took.Seconds())
}

// addonCounter counts the addons when it is asked: they are in the database,
// which every change goes to anyway.
type addonCounter struct {
	count func(context.Context) (map[graft.AddonStatus]int, error)
	desc  *prometheus.Desc
}

func newAddonCounter(count func(context.Context) (map[graft.AddonStatus]int, error)) addonCounter {
	return addonCounter{count, prometheus.NewDesc("graft_addons", "Addons in the catalogue, by status.", []string{"status"}, nil)}
}

// countTime bounds how long one answer to Prometheus waits for the database.
const countTime = 5 * time.Second

// Describe implements prometheus.Collector.
func (c addonCounter) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements prometheus.Collector. Without a database there are no
// figures, rather than wrong ones.
func (c addonCounter) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	counts, err := c.count(ctx)
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	for _, status := range []graft.AddonStatus{graft.AddonUnderReview, graft.AddonApproved, graft.AddonVerificationFailed} {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(counts[status]), string(status))
	}
}
