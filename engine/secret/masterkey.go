package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxMasterKey     = 1024 // bytes; more is a wrong file, not a better key
	maxMasterKeyText = 4 * maxMasterKey
)

// LoadOrCreateMasterKey reads the master key from a file, in hexadecimal or
// base64, and creates the file with mode 0600 when it is missing. A file that
// others than its owner can read, or a short or weak key, is refused. Two
// processes that start together end with the same key.
func LoadOrCreateMasterKey(path string) ([]byte, error) {
	key, err := loadMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createMasterKey(path); err != nil {
		return nil, fmt.Errorf("create master key file %s: %w", path, err)
	}
	return loadMasterKey(path)
}

// ParseMasterKey reads a master key from text, such as an environment variable:
// at least MinMasterKey random bytes in hexadecimal or base64.
func ParseMasterKey(text string) ([]byte, error) {
	key, ok := decodeMasterKey(strings.TrimSpace(text))
	switch {
	case !ok:
		return nil, errors.New("master key is neither hexadecimal nor base64; make one with: openssl rand -hex 32")
	case len(key) < MinMasterKey:
		return nil, fmt.Errorf("master key has %d bytes, needs at least %d; make one with: openssl rand -hex 32", len(key), MinMasterKey)
	case len(key) > maxMasterKey:
		return nil, fmt.Errorf("master key has %d bytes, at most %d are sensible", len(key), maxMasterKey)
	case predictable(key):
		return nil, errors.New("master key is not random (text, a repeated or a counted pattern); make one with: openssl rand -hex 32")
	}
	return key, nil
}

func loadMasterKey(path string) ([]byte, error) {
	text, err := readPrivateFile(path)
	if err != nil {
		return nil, err
	}
	key, err := ParseMasterKey(text)
	if err != nil {
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	return key, nil
}

// readPrivateFile asks the open file for its mode, so that the file checked is
// the file read.
func readPrivateFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open master key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("look at master key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("master key file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("master key file %s has mode %04o, others than its owner may use it; run: chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxMasterKeyText))
	if err != nil {
		return "", fmt.Errorf("read master key file: %w", err)
	}
	return string(text), nil
}

// createMasterKey writes the whole key to a file of another name first and then
// links it into place: a second process sees no key or the whole key, and the
// link fails for the one that comes second.
func createMasterKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	draft, err := writeDraft(dir)
	if err != nil {
		return err
	}
	defer os.Remove(draft)
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// writeDraft returns the name of a new file of mode 0600 with a new key in it.
func writeDraft(dir string) (string, error) {
	file, err := os.CreateTemp(dir, ".master-key-*")
	if err != nil {
		return "", err
	}
	key := make([]byte, MinMasterKey)
	_, _ = rand.Read(key) // never fails: the runtime ends the process instead
	_, err = file.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// syncDir makes the new name survive a power cut: values sealed under a key
// that is lost are lost.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// decodeMasterKey tries hexadecimal first: such text is valid base64 as well,
// but would come out as other bytes than its author meant.
func decodeMasterKey(text string) ([]byte, bool) {
	if key, err := hex.DecodeString(text); err == nil {
		return key, true
	}
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := encoding.DecodeString(text); err == nil {
			return key, true
		}
	}
	return nil, false
}

// predictable recognises keys made by hand. A random key of 32 bytes meets one
// of the three with a chance below one in 10^13.
func predictable(key []byte) bool {
	return readable(key) || counted(key) || repeated(key)
}

func readable(key []byte) bool {
	return bytes.IndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// counted: every byte differs from the one before by the same amount.
func counted(key []byte) bool {
	step := key[1] - key[0]
	for i := 2; i < len(key); i++ {
		if key[i]-key[i-1] != step {
			return false
		}
	}
	return true
}

// repeated: the whole is a shorter piece said at least twice.
func repeated(key []byte) bool {
	for period := 1; period <= len(key)/2; period++ {
		if bytes.Equal(key[period:], key[:len(key)-period]) {
			return true
		}
	}
	return false
}
