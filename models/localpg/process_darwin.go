package localpg

import "syscall"

// dieWithParent has no counterpart here: after a crash of gatewright the server
// lives on, and the next start ends it (see rivals.go).
func dieWithParent(*syscall.SysProcAttr) {}

// findServers prints the number of every PostgreSQL process that works in the
// folder $1.
const findServers = `lsof -t -a -c postgres -d cwd -- "$1" 2>/dev/null; true`
