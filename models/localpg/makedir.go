//go:build linux || darwin

package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// MakeDir creates dir and its missing parents so that the account that will run
// the server can pass through them: as root with mode 0711, otherwise with 0700.
// What is there already keeps its mode.
func MakeDir(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file, not a directory", dir)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := MakeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return makeOne(dir)
}

func makeOne(dir string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.Mkdir(dir, mode); errors.Is(err, os.ErrExist) {
		return nil // another process was faster
	} else if err != nil {
		return err
	}
	return os.Chmod(dir, mode) // whatever the umask is
}
