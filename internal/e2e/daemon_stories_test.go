package e2e_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/graftplatform/graft"
	"github.com/graftplatform/graft/client"
)

// TestDaemonEnds stops and kills a Docker daemon under a plugin and an
// extension that run, and starts it again. All that ran runs again, without
// anybody's doing, and the component comes back as it was.
func TestDaemonEnds(t *testing.T) {
	withOwnDaemon(t, func(d *daemon) {
		th := newTheatre(d.t, 1)
		for name, end := range map[string]func(){"stopped": d.stop, "killed": d.kill} {
			d.t.Run(name, func(t *testing.T) {
				r := th.begin(t)
				r.owners.leaveOff()
				end()
				r.awaitReady(http.StatusServiceUnavailable)
				d.start()
				r.awaitReady(http.StatusOK)
				r.awaitStatus(r.inst.ID, graft.StatusActive)
				answers(t, r.port, "plugin")
				r.finish()
			})
		}
	})
}

// everyPoint is how many points of a story there are to one at which the daemon
// is killed: starting it again takes long.
const everyPoint = 5

// TestDaemonKilledInTheMiddle kills the Docker daemon at changing calls of the
// engine, after they took effect, or has it stop, which ends all containers at once,
// and starts it again. The same engine goes on.
func TestDaemonKilledInTheMiddle(t *testing.T) {
	withOwnDaemon(t, func(d *daemon) {
		th := newTheatre(d.t, 1)
		story := stories()[0]
		points, end, other := 0, d.kill, d.stop
		for n := 1; n <= mostCalls; n += everyPoint {
			killed := 0
			d.t.Run(strconv.Itoa(n), func(t *testing.T) { killed = th.performOn(t, d, end, story, n) })
			end, other = other, end
			if killed == 0 {
				break
			}
			points += killed
		}
		if want := story.least / everyPoint; points < want {
			d.t.Errorf("only %d points, not %d", points, want)
		}
		d.t.Logf("FIGURE: the Docker daemon was killed or stopped at %d points of a swap and its way back", points)
	})
}

// performOn tells a story and ends the daemon after the engine's nth changing
// call of each act. It returns how many acts have such a call.
func (th *theatre) performOn(t *testing.T, d *daemon, end func(), s *story, n int) int {
	t.Helper()
	p := th.prepare(t, s.component)
	var hits []string
	p.proxy.strike = &strike{at: n, after: true, hit: func(call string) {
		hits = append(hits, call)
		p.owners.leaveOff()
		end()
		d.start()
	}}
	p.program = p.startProgram(th.binary, p.proxy.host())
	s.tell(p)
	p.retire()
	t.Logf("dockerd ended at %q of %q", hits, p.proxy.made())
	p.nothingLeaked()
	p.componentIsBack()
	return len(hits)
}

// TestDiskFull leaves Docker, and then Graft, without room on its disk. What
// runs runs on, it is said what is wrong, and when there is room again it goes on
// by itself.
func TestDiskFull(t *testing.T) {
	withOwnDaemon(t, func(d *daemon) {
		th := newTheatre(d.t, 1)
		d.t.Run("of Docker", func(t *testing.T) { th.begin(t).fillDocker(d) })
		d.t.Run("of Graft", func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=100m"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
			th.begin(t, "--data-dir", dir).fillGraft(dir)
		})
	})
}

// fillDocker installs an addon whose image finds no room, and disables one
// that runs.
func (r *running) fillDocker(d *daemon) {
	later := r.theatre.image(r.t, "later")
	addon := r.publishAs("later", service(r.prefix+"-later", later))
	free := fillDisk(r.t, d.data())
	id := r.install(addon).ID
	r.awaitAtLast(id, "told that there is no room", func(i *graft.Installation) bool {
		return i.Details != nil && strings.Contains(i.Details.Reason, "no space left")
	})
	answers(r.t, r.port, "plugin")
	if inst := r.now(); inst.Status != graft.StatusActive {
		r.t.Errorf("the addon that runs is %s: %+v", inst.Status, inst.Details)
	}
	r.desire(r.inst.ID, false)
	free()
	r.awaitAtLast(id, "active", func(i *graft.Installation) bool { return i.Status == graft.StatusActive })
	r.awaitAtLast(r.inst.ID, "disabled", func(i *graft.Installation) bool { return i.Status == graft.StatusDisabled })
	r.uninstall(id)
	r.finish()
}

// fillGraft asks for something that the engine can't write down, and lets a
// container end meanwhile.
func (r *running) fillGraft(dir string) {
	free := fillDisk(r.t, dir)
	started := r.killSide()
	r.awaitReady(http.StatusServiceUnavailable)
	answers(r.t, r.port, "plugin")
	err := r.call(r.t.Context(), func(ctx context.Context, c *client.Client) error {
		_, err := c.Disable(ctx, r.inst.ID)
		return err
	})
	if code := graft.ErrorCode(err); code != graft.CodeUnavailable {
		r.t.Errorf("to disable it without room to write that down: %v (%s)", err, code)
	}
	free()
	r.awaitReady(http.StatusOK)
	r.awaitRestart(started)
	answers(r.t, r.port, "plugin")
	r.finish()
}
