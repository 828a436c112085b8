package dbtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// keeper runs a server until its own input ends, which happens when the test program
// does, also by a panic or a kill. Then it ends the server and removes the folder. A
// signal, such as that of Ctrl-C to the whole group, only makes it do so at once.
const keeper = `dir=$1; shift
trap : INT TERM HUP
("$@" >"$dir/log" 2>&1; echo ended >"$dir/ended") &
cat >/dev/null
[ -f "$dir/pid" ] && kill "$(cat "$dir/pid")" 2>/dev/null
wait
rm -rf "$dir"`

// child is a server process with a folder of its own.
type child struct {
	dir   string
	input io.Closer // kept open for the life of the test program
}

// start runs a server, which writes its process id to the file pid in dir.
func start(dir string, command ...string) (*child, error) {
	cmd := exec.Command("sh", append([]string{"-c", keeper, "dbtest", dir}, command...)...)
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &child{dir, input}, nil
}

// ended says how a server ended that has.
func (c *child) ended() error {
	if _, err := os.Stat(filepath.Join(c.dir, "ended")); err != nil {
		return nil
	}
	log, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return fmt.Errorf("the server ended by itself: %w", errors.New(string(log)))
}
