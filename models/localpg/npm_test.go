//go:build linux || darwin

package localpg

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestPinnedPackagesAreThoseOfTheLockFile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	if err := json.Unmarshal(content, &lock); err != nil {
		t.Fatal(err)
	}
	for platform, pkg := range packageDigests {
		locked := lock.Packages["node_modules/"+pkg.name]
		if locked.Version != packageVersion || locked.Integrity != pkg.digest {
			t.Errorf("%s: package-lock.json has %s %s, npm.go %s %s", platform, locked.Version, locked.Integrity, packageVersion, pkg.digest)
		}
	}
	if !strings.HasPrefix(packageVersion, "18.") || packageMajor != 18 {
		t.Errorf("packageMajor %d does not fit %s", packageMajor, packageVersion)
	}
}

// elsewhere runs the test in a working directory without node_modules above it.
func elsewhere(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gatewright-localpg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return dir
}

func TestFetchWithoutCheckout(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not on this machine")
	}
	dir := filepath.Join(elsewhere(t), "database")
	if err := MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	c := &cluster{Options: Options{Dir: dir, Relaxed: true}.withDefaults()}
	if err := c.chooseAccount(t.Context()); err != nil {
		t.Fatal(err)
	}
	dirs, err := c.fetched(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.examine(t.Context(), dirs[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.major != packageMajor {
		t.Errorf("fetched PostgreSQL %s, want %d", got.version, packageMajor)
	}
	if _, err := os.Stat(filepath.Join(dir, "fetch.new")); err == nil {
		t.Error("the folder of the fetch is left behind")
	}
}

func TestAttackTamperedFetchIsRefused(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not on this machine")
	}
	room := filepath.Join(elsewhere(t), "room")
	digest := "sha512-" + strings.Repeat("A", 86) + "=="
	if err := writeManifests(room, packageDigests[runtime.GOOS+"-"+runtime.GOARCH].name, digest); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = room
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "EINTEGRITY") {
		t.Errorf("npm took a package with another digest: %v\n%s", err, out)
	}
}

// plant makes a package under dir that would be found there.
func plant(t *testing.T, dir string) string {
	t.Helper()
	pkg := filepath.Join(dir, "node_modules", packageDigests[runtime.GOOS+"-"+runtime.GOARCH].name)
	if err := os.MkdirAll(filepath.Join(pkg, "native", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"package.json": `{"version":"18.9.9"}`, "native/bin/postgres": "#!/bin/sh\n", "native/bin/initdb": "#!/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(pkg, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return pkg
}

func TestPackageIsFoundAsNodeWould(t *testing.T) {
	dir := elsewhere(t)
	pkg := plant(t, dir)
	below := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if got, want := findPackage(), (npmPackage{dir: pkg, version: "18.9.9"}); got != want {
		t.Errorf("found %+v, want %+v", got, want)
	}
}

func TestAttackPlantedPackageIsNotRun(t *testing.T) {
	for name, spoil := range map[string]func(pkg string) error{
		"a folder that everybody may write": func(pkg string) error { return os.Chmod(filepath.Join(pkg, "native", "bin"), 0o777) },
		"a program that everybody may write": func(pkg string) error {
			return os.Chmod(filepath.Join(pkg, "native", "bin", "postgres"), 0o777)
		},
		"somebody else's program": func(pkg string) error {
			return os.Chown(filepath.Join(pkg, "native", "bin", "postgres"), 12345, 12345)
		},
		"somebody else's node_modules": func(pkg string) error {
			return os.Chown(filepath.Join(pkg, "..", ".."), 12345, 12345)
		},
	} {
		t.Run(name+" is passed over", func(t *testing.T) {
			dir := elsewhere(t)
			pkg := plant(t, dir)
			if err := spoil(pkg); os.IsPermission(err) {
				t.Skip("only root can give files away")
			} else if err != nil {
				t.Fatal(err)
			}
			if got := findPackage(); got.dir != "" {
				t.Errorf("found %s", got.dir)
			}
		})
	}
}

func TestCopyIsBroughtUpToDateWithinItsMajor(t *testing.T) {
	for _, c := range []struct {
		name       string
		have, want string
		cluster    int
	}{
		{"a new package is taken over", "18.1.0", "18.9.9", 18},
		{"without a cluster any package is taken over", "17.1.0", "18.9.9", 0},
		{"a package of another major is left alone", "17.1.0", "17.1.0", 17},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := elsewhere(t)
			plant(t, dir)
			bin := filepath.Join(dir, "pgsql", "bin")
			if err := os.MkdirAll(bin, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "pgsql", versionFile), []byte(c.have), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := (&cluster{Options: Options{Dir: dir}}).packaged(t.Context(), c.cluster); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, "pgsql", versionFile))
			if err != nil || string(got) != c.want {
				t.Errorf("the copy is of %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestAttackLinkOutOfThePackageIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, target string }{
		{"../../etc/passwd", "native/lib/libpq.so"},
		{"native/lib/libpq.so.5", "../../../evil"},
		{"/etc/passwd", "native/lib/libpq.so"},
		{"native/lib/libpq.so.5", "/tmp/evil"},
	} {
		to := t.TempDir()
		if err := os.Mkdir(filepath.Join(to, "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := makeLink(to, c.source, c.target); err == nil {
			t.Errorf("%s -> %s was made", c.target, c.source)
		}
	}
}

func TestPackageServes(t *testing.T) {
	if findPackage().dir == "" {
		t.Skip("run npm ci first: the package is not there")
	}
	dir := serverDir(t)
	c := &cluster{Options: Options{Dir: dir, Relaxed: true}.withDefaults()}
	if err := MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := c.chooseAccount(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.findPrograms(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "pgsql", "bin"); c.programs.dir != want || c.programs.major != packageMajor {
		t.Errorf("chose PostgreSQL %s in %s, want %d in %s", c.programs.version, c.programs.dir, packageMajor, want)
	}
}

func TestCutShortSwapIsFinished(t *testing.T) {
	t.Parallel()
	t.Run("the old copy comes back when the new one is not there", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "pgsql")
		if err := os.Mkdir(target+".old", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := finishSwap(target); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(target); err != nil {
			t.Error(err)
		}
	})
	t.Run("the old copy goes when the new one is there", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "pgsql")
		for _, dir := range []string{target, target + ".old"} {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := finishSwap(target); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(target + ".old"); err == nil {
			t.Error("it is still there")
		}
	})
}
