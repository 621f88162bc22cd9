package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/graftplatform/graft"
)

// purpose is what a plan is for, as metrics and traces tell it.
type purpose string

const (
	purposeInstall   purpose = "install" // for the first time, again after a failure, or back after a disable
	purposeUpgrade   purpose = "upgrade" // to another version, or back
	purposeRepair    purpose = "repair"
	purposeDisable   purpose = "disable"
	purposeUninstall purpose = "uninstall"
	purposeRestore   purpose = "restore"  // what failed is taken back
	purposePull      purpose = "pull"     // images are brought beside or before that
	purposeStandIn   purpose = "stand_in" // a plugin answers while its component can't
)

// purpose is what the plan is for.
func (p *plan) purpose() purpose {
	switch {
	case p.pulls:
		return purposePull
	case p.standIn:
		return purposeStandIn
	}
	return purposeOf(p.installation)
}

// purposeOf says what a plan for an installation is for.
func purposeOf(inst *graft.Installation) purpose {
	switch {
	case inst.Desired == graft.DesiredRemoved:
		return purposeUninstall
	case inst.Desired == graft.DesiredDisabled:
		return purposeDisable
	case gaveUp(inst):
		return purposeRestore
	case settled(inst):
		return purposeRepair
	case inst.Details != nil && inst.Details.Upgrade != nil:
		return purposeUpgrade
	}
	return purposeInstall
}

// Ends of operations and steps that are no outcome of an installation: the
// first is tried again or taken back, the second is planned anew.
const (
	endFailed      graft.Outcome = "failed"
	endInterrupted graft.Outcome = "interrupted"
)

// endOf says how a step ended.
func endOf(err error) graft.Outcome {
	switch {
	case err == nil:
		return graft.OutcomeDone
	case errors.Is(err, context.Canceled), errors.Is(err, errSpecChanged), errors.Is(err, errStopping):
		return endInterrupted
	}
	return endFailed
}

// swapDirection is which way a component's endpoint moved.
type swapDirection string

const (
	swapIn   swapDirection = "in"   // from the component to a plugin
	swapBack swapDirection = "back" // to the component again
)

// metrics is what an engine measures of itself. Its methods say what happened
// and may be called from anywhere. The values of all labels are closed sets.
type metrics struct {
	operations         *prometheus.CounterVec
	operationDurations *prometheus.HistogramVec
	steps              *prometheus.CounterVec
	running, waiting   prometheus.Gauge
	gaps               *prometheus.HistogramVec
	restarts           prometheus.Counter
	reconciles         prometheus.Histogram
	installs           *prometheus.GaugeVec
	pulledBytes        prometheus.Counter
	runtime            prometheus.Gauge
	events             *prometheus.CounterVec
}

// newMetrics registers the engine's metrics; a nil registerer is a private one.
func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	m := &metrics{}
	m.makeOperations(promauto.With(reg))
	m.makeRuntime(promauto.With(reg))
	// Series that are there from the start let a first failure be seen as a rise.
	for _, p := range []purpose{purposeInstall, purposeUpgrade, purposeRepair, purposeDisable, purposeUninstall, purposeRestore} {
		for _, outcome := range []graft.Outcome{
			graft.OutcomeDone, graft.OutcomeRefused, graft.OutcomeRestored, graft.OutcomeNotRestored, endFailed, endInterrupted,
		} {
			m.operations.WithLabelValues(string(outcome), string(p))
		}
	}
	m.installationsSeen(nil)
	return m
}

func (m *metrics) makeOperations(f promauto.Factory) {
	m.operations = f.NewCounterVec(prometheus.CounterOpts{
		Name: "graft_operations_total",
		Help: "Executions of plans that ended, plans that were refused, and failures that were taken back or could not be.",
	}, []string{"outcome", "kind"})
	m.operationDurations = f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "graft_operation_duration_seconds",
		Help:    "How long executions of plans took.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800},
	}, []string{"kind"})
	m.steps = f.NewCounterVec(prometheus.CounterOpts{
		Name: "graft_operation_steps_total",
		Help: "Steps of plans that ended.",
	}, []string{"kind", "outcome"})
	m.running = f.NewGauge(prometheus.GaugeOpts{
		Name: "graft_operations_running",
		Help: "Executions of plans that are under way.",
	})
	m.waiting = f.NewGauge(prometheus.GaugeOpts{
		Name: "graft_operations_waiting",
		Help: "Steps of plans that wait for their turn.",
	})
	m.gaps = f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "graft_swap_gap_seconds",
		Help:    "How long nobody answered to a component's name while its endpoint moved.",
		Buckets: []float64{.01, .025, .05, .075, .1, .125, .15, .175, .2, .25, .3, .4, .5, .75, 1, 1.5, 2, 3, 5, 10, 30},
	}, []string{"direction", "way"})
}

func (m *metrics) makeRuntime(f promauto.Factory) {
	m.restarts = f.NewCounter(prometheus.CounterOpts{
		Name: "graft_service_restarts_total",
		Help: "Services that were started again after they had ended by themselves.",
	})
	m.reconciles = f.NewHistogram(prometheus.HistogramOpts{
		Name:    "graft_reconcile_duration_seconds",
		Help:    "How long it took to observe everything and to plan what is next.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
	m.installs = f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "graft_installations",
		Help: "Installations that users see, by status.",
	}, []string{"status"})
	m.pulledBytes = f.NewCounter(prometheus.CounterOpts{
		Name: "graft_images_pulled_bytes_total",
		Help: "Bytes of image layers that were pulled.",
	})
	m.runtime = f.NewGauge(prometheus.GaugeOpts{
		Name: "graft_runtime_up",
		Help: "Whether the container runtime could be observed the last time (1) or not (0).",
	})
	m.events = f.NewCounterVec(prometheus.CounterOpts{
		Name: "graft_events_total",
		Help: "Events that happened, by type.",
	}, []string{"type"})
}

// operationWaits and operationWaited are called when a step begins to wait for
// its turn, and when it stops to.
func (m *metrics) operationWaits()  { m.waiting.Inc() }
func (m *metrics) operationWaited() { m.waiting.Dec() }

// operationStarted is followed by operationEnded.
func (m *metrics) operationStarted() { m.running.Inc() }

func (m *metrics) operationEnded(p purpose, outcome graft.Outcome, took time.Duration) {
	m.running.Dec()
	m.operations.WithLabelValues(string(outcome), string(p)).Inc()
	m.operationDurations.WithLabelValues(string(p)).Observe(took.Seconds())
}

// takenBack is for a failure whose end is known.
func (m *metrics) takenBack(p purpose, outcome graft.Outcome) {
	m.operations.WithLabelValues(string(outcome), string(p)).Inc()
}

// operationRefused is for a plan that is not executed.
func (m *metrics) operationRefused(p purpose) {
	m.operations.WithLabelValues(string(graft.OutcomeRefused), string(p)).Inc()
}

func (m *metrics) stepEnded(k kind, err error) {
	m.steps.WithLabelValues(strings.ReplaceAll(string(k), " ", "_"), string(endOf(err))).Inc()
}

func (m *metrics) swapped(direction swapDirection, way graft.SwapWay, gap time.Duration) {
	m.gaps.WithLabelValues(string(direction), string(way)).Observe(gap.Seconds())
}

func (m *metrics) serviceRestarted() { m.restarts.Inc() }

func (m *metrics) reconciled(took time.Duration) { m.reconciles.Observe(took.Seconds()) }

// statusChanged is for a change that is not seen before all installations are
// looked at again, which may take a while when all is well.
func (m *metrics) statusChanged(from, to graft.InstallationStatus) {
	m.installs.WithLabelValues(string(from)).Dec()
	m.installs.WithLabelValues(string(to)).Inc()
}

// installationsSeen is called with all installations.
func (m *metrics) installationsSeen(installs []graft.Installation) {
	counts := map[graft.InstallationStatus]float64{
		graft.StatusInstalling: 0, graft.StatusActive: 0, graft.StatusPartiallyActive: 0,
		graft.StatusFailed: 0, graft.StatusDisabling: 0, graft.StatusDisabled: 0,
	}
	for i := range installs {
		if !unseen(&installs[i]) {
			counts[installs[i].Status]++
		}
	}
	for status, n := range counts {
		m.installs.WithLabelValues(string(status)).Set(n)
	}
}

// pulled is called with what a pull brought, or brought since the last call.
func (m *metrics) pulled(bytes int64) {
	if bytes > 0 { // a counter panics when it is to fall
		m.pulledBytes.Add(float64(bytes))
	}
}

func (m *metrics) runtimeSeen(up bool) {
	value := 0.0
	if up {
		value = 1
	}
	m.runtime.Set(value)
}

func (m *metrics) eventHappened(t graft.EventType) { m.events.WithLabelValues(string(t)).Inc() }
