package localpg

import "syscall"

// dieWithParent makes the kernel stop the program when we are killed, so that a
// crash of gatewright leaves no server behind. SIGINT is PostgreSQL's fast shutdown.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// findServers prints the number of every PostgreSQL process that works in the
// folder $1. A process whose folder may not be looked at is not ours.
const findServers = `for p in /proc/[0-9]*; do
	[ "$p/cwd" -ef "$1" ] && read -r name <"$p/comm" && [ "$name" = postgres ] && echo "${p#/proc/}"
done 2>/dev/null; true`
