package graft

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Bounds of what decides whether a service works. Somebody waits for the
// answer, so it has to come.
const (
	maxStableFor = 10 * time.Minute
	maxVerdict   = 10 * time.Minute

	maxProbePath = 2048
	minStatus    = 100
	maxStatus    = 599
)

const badPort = "It must be from 1 to 65535."

// gate checks what says that a service works, besides its health check.
func (c *checker) gate(at location, s *Service) {
	if s.Probe != nil {
		c.probe(at.at("probe"), s.Probe)
	}
	if s.StableFor == nil {
		return
	}
	at = at.at("stable_for")
	if d := time.Duration(*s.StableFor); d <= 0 || d > maxStableFor {
		c.errors.add(at, "It must be more than nothing and at most %s.", shortly(maxStableFor))
	}
	if s.Probe != nil || s.Healthcheck != nil && !s.Healthcheck.disabled() {
		c.warnings.add(at, "It is not used: the service's health says whether it works.")
	}
}

// disabled is whether h switches off the image's own health check too.
func (h *Healthcheck) disabled() bool {
	return h != nil && (h.Disable || len(h.Test) > 0 && h.Test[0] == testNone)
}

func (c *checker) probe(at location, p *Probe) {
	if (p.HTTP == nil) == (p.TCP == nil) {
		c.errors.add(at.at(wholeField), "A probe has exactly one of http and tcp.")
	}
	if h := p.HTTP; h != nil {
		c.probePort(at.at("http", "port"), h.Port)
		c.optional(at.at("http", "path"), h.Path, probePath)
		if h.Status != 0 && (h.Status < minStatus || h.Status > maxStatus) {
			c.errors.add(at.at("http", "status"), "It must be from %d to %d.", minStatus, maxStatus)
		}
	}
	if p.TCP != nil {
		c.probePort(at.at("tcp", "port"), p.TCP.Port)
	}
	c.schedule(at, p)
}

func (c *checker) probePort(at location, port uint16) {
	if port == 0 {
		c.errors.add(at, "%s", badPort)
	}
}

// schedule checks times and retries each, then what they come to.
func (c *checker) schedule(at location, p *Probe) {
	before, more := len(c.errors.list), c.errors.more
	c.interval(at.at("interval"), p.Interval)
	c.interval(at.at("timeout"), p.Timeout)
	if p.StartPeriod != nil && *p.StartPeriod != 0 { // none is fine
		c.interval(at.at("start_period"), p.StartPeriod)
	}
	if p.Retries < 0 || p.Retries > maxRetries {
		c.errors.add(at.at("retries"), "It must be from 0 to %d.", maxRetries)
	}
	if len(c.errors.list) != before || c.errors.more != more {
		return
	}
	s := p.Schedule()
	// Each first, so that the sum can't overflow.
	longest := max(s.StartPeriod, s.Interval, s.Timeout)
	if longest <= maxVerdict {
		longest = s.Verdict()
	}
	if longest > maxVerdict {
		c.errors.add(at.at(wholeField), "It takes %s until a service that never answers is unhealthy: "+
			"start_period + retries × (interval + timeout) must be at most %s.", shortly(longest), shortly(maxVerdict))
	}
}

func probePath(path string) string {
	odd := func(r rune) bool { return r == ' ' || unicode.IsControl(r) }
	switch {
	case len(path) > maxProbePath:
		return fmt.Sprintf("A path has at most %d bytes.", maxProbePath)
	case !strings.HasPrefix(path, "/"):
		return fmt.Sprintf("%s is not a path: it begins with a slash.", quote(path))
	case strings.ContainsFunc(path, odd):
		return fmt.Sprintf("%s is not a path: spaces and control characters are written as %%20 and so on.", quote(path))
	}
	if _, err := url.ParseRequestURI(path); err != nil {
		return fmt.Sprintf("%s is not a path: after %% come two hexadecimal digits.", quote(path))
	}
	return ""
}

// shortly writes 10m0s as 10m.
func shortly(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
