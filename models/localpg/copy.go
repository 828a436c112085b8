//go:build linux || darwin

package localpg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// copyPackage makes target a copy of the package's program files. The old copy
// steps aside only when the new one is whole and on the disk: a version file that
// survives a power cut vouches for all the others.
func (c *cluster) copyPackage(from npmPackage, target string) error {
	fresh := target + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(from.dir, "native"), fresh); err != nil {
		return err
	}
	if err := makeLinks(from.dir, fresh); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, versionFile), []byte(from.version), 0o644); err != nil {
		return err
	}
	if !c.Relaxed {
		syscall.Sync()
	}
	return swap(fresh, target)
}

// swap puts fresh in the place of target; finishSwap completes one that was cut
// short.
func swap(fresh, target string) error {
	old := target + ".old"
	if err := os.Rename(target, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, target); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

func finishSwap(target string) error {
	old := target + ".old"
	if _, err := os.Stat(target); err == nil {
		return os.RemoveAll(old)
	}
	if err := os.Rename(old, target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// copyTree copies folders and plain files, readable by everybody whatever the
// umask: another account will run them. Static libraries are of no use to a server;
// links are left to makeLinks.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, name); {
		case entry.IsDir():
			return errors.Join(os.Mkdir(target, 0o755), os.Chmod(target, 0o755))
		case entry.Type().IsRegular() && filepath.Ext(name) != ".a":
			return copyFile(path, target)
		default:
			return nil
		}
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// makeLinks makes the symbolic links that the package's install script would make:
// npm packages cannot carry any, and without them the libraries are not found.
func makeLinks(pkg, to string) error {
	content, err := os.ReadFile(filepath.Join(pkg, "native", "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("read pg-symlinks.json: %w", err)
	}
	for _, link := range links {
		if err := makeLink(to, link.Source, link.Target); err != nil {
			return fmt.Errorf("link %s: %w", link.Target, err)
		}
	}
	return nil
}

// makeLink takes paths relative to the package, such as native/lib/libpq.so.5.
func makeLink(to, source, target string) error {
	if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
		return errors.New("leads out of the package")
	}
	relative, err := filepath.Rel(filepath.Dir(target), source)
	if err != nil {
		return err
	}
	inside, err := filepath.Rel("native", target)
	if err != nil {
		return err
	}
	return os.Symlink(relative, filepath.Join(to, inside))
}
