package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
)

func TestParseMasterKey(t *testing.T) {
	t.Parallel()
	key := newMaster(t)
	key[0] = 0xff // base64 with a character that its two alphabets write differently
	for name, text := range map[string]string{
		"hexadecimal":        hex.EncodeToString(key),
		"upper case":         strings.ToUpper(hex.EncodeToString(key)),
		"base64":             base64.StdEncoding.EncodeToString(key),
		"base64url":          base64.RawURLEncoding.EncodeToString(key),
		"with a line break":  hex.EncodeToString(key) + "\n",
		"with blanks around": "  " + base64.StdEncoding.EncodeToString(key) + " \r\n",
	} {
		t.Run("reads "+name, func(t *testing.T) {
			t.Parallel()
			if got, err := secret.ParseMasterKey(text); err != nil || !bytes.Equal(got, key) {
				t.Errorf("got %x, %v", got, err)
			}
		})
	}
	for _, c := range []struct{ name, text, part string }{
		{"nothing", "", "at least 32"},
		{"16 bytes", hex.EncodeToString(key[:16]), "16 bytes, needs at least 32"},
		{"31 bytes", base64.StdEncoding.EncodeToString(key[:31]), "31 bytes"},
		{"a pass phrase", "correct horse battery staple, but longer than that", "neither"},
		{"a file of another kind", strings.Repeat("ab", 1025), "at most 1024"},
		{"zeros", strings.Repeat("00", 32), "not random"},
		{"one byte again and again", strings.Repeat("a7", 32), "not random"},
		{"a repeated piece", strings.Repeat("0123456789abcdef", 4), "not random"},
		{"counting", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "not random"},
		{"text in hexadecimal", hex.EncodeToString([]byte("change-me change-it change-now!!")), "not random"},
	} {
		t.Run("refuses "+c.name, func(t *testing.T) {
			t.Parallel()
			_, err := secret.ParseMasterKey(c.text)
			if err == nil || !strings.Contains(err.Error(), c.part) {
				t.Fatalf("err = %v, want %q in it", err, c.part)
			}
			if len(c.text) >= 16 && strings.Contains(err.Error(), c.text[:16]) {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestMasterKeyFileIsCreatedOnceAndForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "master.key")
	first, err := secret.LoadOrCreateMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	again, err := secret.LoadOrCreateMasterKey(path)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the second start reads another key: %v", err)
	}
	wantOneFile(t, filepath.Dir(path))
}

func TestMasterKeyFileIsTheSameForStartsAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	got := make([][]byte, 16)
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() {
			key, err := secret.LoadOrCreateMasterKey(path)
			if err != nil {
				t.Error(err)
			}
			got[i] = key
		})
	}
	wait.Wait()
	for _, key := range got {
		if !bytes.Equal(key, got[0]) {
			t.Fatal("two starts have two keys")
		}
	}
	wantOneFile(t, filepath.Dir(path))
}

func TestMasterKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	good := hex.EncodeToString(newMaster(t))
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		part       string
	}{
		{"when the group may read it", good, 0o640, "chmod 600"},
		{"when everyone may read it", good, 0o604, "mode 0604"},
		{"when others may write it", good, 0o602, "chmod 600"},
		{"when it is empty", "", 0o600, "at least 32"},
		{"when it is short", good[:20], 0o600, "10 bytes"},
		{"when it is no key", "hello, world", 0o600, "neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "master.key")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := secret.LoadOrCreateMasterKey(path)
			if err == nil || !strings.Contains(err.Error(), c.part) || !strings.Contains(err.Error(), path) {
				t.Errorf("err = %v, want %q and the path in it", err, c.part)
			}
			if after, _ := os.ReadFile(path); string(after) != c.text {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("when it is a directory", func(t *testing.T) {
		t.Parallel()
		if _, err := secret.LoadOrCreateMasterKey(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("err = %v", err)
		}
	})
}

// wantOneFile asserts that no draft is left behind.
func wantOneFile(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%d files are left (%v), want 1", len(files), err)
	}
}
