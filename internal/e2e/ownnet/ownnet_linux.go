// Package ownnet gives tests a network namespace of their own: no interface in it
// comes or goes but theirs, whatever Docker does on the machine.
package ownnet

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do calls f in a new network namespace, which has nothing but 127.0.0.1, and
// returns its error. What f itself opens, listens on, dials or starts, and not in
// another goroutine, is and stays in there; the namespace ends with the last of it.
// Needs root.
func Do(f func() error) error {
	// A namespace is a thread's. While a goroutine has its thread for itself no other
	// thread descends from it; and if it ends with it, nobody else gets it.
	runtime.LockOSThread()
	before, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer before.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	err = LoopbackUp()
	if err == nil {
		err = f()
	}
	if back := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, os.NewSyscallError("setns", back))
	}
	runtime.UnlockOSThread()
	return err
}

// LoopbackUp makes 127.0.0.1 work in a new network namespace, in which the caller
// is.
func LoopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(socket) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("ioctl", unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo))
}
