package ldaptest

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end slapd when we are killed, so that a broken
// test run leaves no server behind.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
