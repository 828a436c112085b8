//go:build linux || darwin

package localpg

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a started program and the news of its end.
type child struct {
	cmd  *exec.Cmd
	exit chan error // gets one value, what Wait returned
}

// begin starts cmd on a thread that lives exactly as long as the program does: on
// Linux the signal that tells a child of its parent's death follows the thread
// that started it, and Go ends idle threads at will.
func begin(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, exit: make(chan error, 1)}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		err := cmd.Start()
		started <- err
		if err == nil {
			c.exit <- cmd.Wait()
		}
	}()
	return c, <-started
}

func (c *child) signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) }

// runToEnd runs cmd and waits for it. When ctx ends first, the program is
// interrupted, and killed if that does not impress it.
func runToEnd(ctx context.Context, cmd *exec.Cmd) error {
	c, err := begin(cmd)
	if err != nil {
		return err
	}
	select {
	case err := <-c.exit:
		return err
	case <-ctx.Done():
	}
	c.signal(syscall.SIGINT)
	select {
	case err = <-c.exit:
	case <-time.After(5 * time.Second):
		c.signal(syscall.SIGKILL)
		err = <-c.exit
	}
	return errors.Join(context.Cause(ctx), err)
}
