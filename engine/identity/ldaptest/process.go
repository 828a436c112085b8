package ldaptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a started slapd and the news of its end.
type process struct {
	cmd   *exec.Cmd
	said  bytes.Buffer  // read only after ended
	ended chan struct{} // closed when the process is gone
	err   error         // what Wait said, once ended
}

// choosePorts asks the system for two ports that are free now.
func (s *Server) choosePorts() error {
	var addresses [2]string
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		addresses[i] = l.Addr().String()
	}
	s.LDAP, s.LDAPS = "ldap://"+addresses[0], "ldaps://"+addresses[1]
	return nil
}

// run starts slapd and waits until both of its ports answer.
func (s *Server) run(ctx context.Context) error {
	// -d keeps it in the foreground. The context bounds the start, not the life.
	cmd := s.program.command(context.WithoutCancel(ctx), "-f", s.path("slapd.conf"), "-h", s.LDAP+"/ "+s.LDAPS+"/", "-d", "0")
	s.process = &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.process.said, &s.process.said
	if err := s.process.begin(); err != nil {
		return err
	}
	for _, url := range []string{s.LDAP, s.LDAPS} {
		if err := s.process.answers(ctx, url); err != nil {
			_ = s.process.stop()
			return err
		}
	}
	return nil
}

// begin starts the program on a thread that lives as long as the program does:
// on Linux the signal about a parent's death follows the thread that started
// it, and Go ends idle threads at will.
func (p *process) begin() error {
	dieWithParent(p.cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	return <-started
}

// answers waits until somebody listens at the address, or the process is gone.
func (p *process) answers(ctx context.Context, url string) error {
	_, address, _ := strings.Cut(url, "://")
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("slapd ended: %w: %s", p.err, p.said.String())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// stop asks the process to end and waits for it; one that does not is killed.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
	return fmt.Errorf("slapd did not stop and was killed")
}
